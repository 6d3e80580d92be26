//! The conformance suites: what every adapter of a port must do, whatever is behind it.
//!
//! A case is an async function that is given a fresh, empty adapter. The macros make one test of
//! each: `ports::store_suite!(async { fresh_store().await })`, where the expression gives
//! anything that derefs to the adapter and may hold what must outlive it. The crate that calls
//! them needs tokio with `macros` and `rt`.

pub mod depot;
pub mod store;
pub mod traffic;
pub mod vault;
pub mod workloads;

/// One test for each promise of [`Store`](crate::store::Store).
#[macro_export]
macro_rules! store_suite {
    ($fresh:expr) => {
        $crate::suite_cases! { store, $fresh;
            a_new_process_is_kept
            a_process_is_kept_as_it_was_last_decided
            nothing_is_known_of_what_was_never_committed
            a_decision_on_an_old_version_is_refused
            a_refused_commit_leaves_nothing
            times_are_kept_to_the_microsecond
            unusual_text_is_kept_as_it_is
            what_is_above_the_limits_is_refused
            commits_from_many_tasks_all_land
            of_many_decisions_on_one_version_one_lands
            a_slot_is_held_by_one_unfinished_process
            a_slot_is_kept_while_parked_and_freed_at_the_end
            a_slot_can_be_given_up_and_exchanged
            an_ended_process_does_not_free_the_slot_of_another
            a_repeated_command_gets_its_first_reply
            a_command_that_was_refused_can_be_said_again
            generations_grow_by_target
            intents_without_an_answer_are_open
            a_settled_intent_is_no_longer_open
            only_the_newest_generation_can_be_settled
            a_newer_intent_takes_the_place_of_an_older_one
            a_process_that_lost_its_last_open_intent_is_due_by_its_own_time
            what_is_upheld_is_audited
            an_audit_takes_the_longest_unseen_first
            a_raise_lifts_the_newest_generation_only
            a_raise_shows_in_what_is_open_and_what_stands
            due_processes_are_handed_out_the_longest_due_first
            what_is_handed_out_is_held
            a_commit_ends_the_hold
            claims_at_once_share_nothing
            a_started_server_gets_back_its_own
            intents_without_an_answer_are_due_when_their_hold_ends
            what_has_ended_is_due_while_something_is_open
            what_is_parked_is_never_due
            the_next_due_time_is_told
            facts_are_linked_in_one_chain
            facts_can_stand_alone
            facts_are_found_by_subject
            facts_are_found_by_scope
            facts_are_found_by_kind
            facts_are_found_by_actor
            facts_are_found_by_time
            filters_narrow_each_other
            facts_come_in_both_orders_page_by_page
        }
    };
}

/// One test for each promise of [`Workloads`](crate::workloads::Workloads).
#[macro_export]
macro_rules! workloads_suite {
    ($fresh:expr) => {
        $crate::suite_cases! { workloads, $fresh;
            nothing_is_kept_at_first
            a_desired_count_is_kept
            the_same_again_is_accepted
            an_older_count_is_refused
            one_generation_has_one_meaning
            none_can_be_wanted
            what_is_wanted_has_its_health
            groups_do_not_touch_each_other
        }
    };
}

/// One test for each promise of [`Traffic`](crate::traffic::Traffic).
#[macro_export]
macro_rules! traffic_suite {
    ($fresh:expr) => {
        $crate::suite_cases! { traffic, $fresh;
            no_split_is_kept_at_first
            a_split_is_kept
            the_same_again_is_accepted
            an_older_split_is_refused
            one_generation_has_one_meaning
            a_release_can_be_left_out
            places_do_not_touch_each_other
            counts_are_of_the_place_alone
        }
    };
}

/// One test for each promise of [`Vault`](crate::vault::Vault).
#[macro_export]
macro_rules! vault_suite {
    ($fresh:expr) => {
        $crate::suite_cases! { vault, $fresh;
            a_secret_is_given_out_as_it_was_set
            every_value_survives
            nothing_is_known_of_what_was_never_set
            the_newest_version_is_given_out
            the_last_versions_are_remembered
            the_environment_goes_before_the_service
            vaults_do_not_touch_each_other
            only_what_is_wanted_is_given_out
            a_removed_secret_is_gone
            a_repeated_command_counts_once
            the_list_shows_everything_but_values
            the_last_use_is_noted
        }
    };
}

/// One test for each promise of [`Depot`](crate::depot::Depot). The expression gives a
/// [`Ground`](depot::Ground).
#[macro_export]
macro_rules! depot_suite {
    ($fresh:expr) => {
        $crate::suite_cases! { depot, $fresh;
            nothing_is_found_where_nothing_was_saved
            a_key_is_found
            a_key_is_found_by_its_beginning
            restore_keys_are_tried_in_their_order
            the_own_ref_goes_before_the_others
            another_ref_and_another_repository_are_not_read
            other_paths_are_another_cache
            a_key_keeps_its_first_content
            a_mutable_key_takes_new_content
            a_cache_can_be_looked_for_and_left
            caches_are_listed_and_removed
            unusual_keys_mean_themselves
            keys_that_cannot_be_are_refused
            of_many_who_save_one_key_one_wins
            everything_comes_back_as_it_was
            a_folder_that_lets_nobody_write_comes_back
            files_go_to_where_their_root_is_now
            the_innermost_root_counts
            what_stands_there_is_replaced_and_the_rest_is_left
            what_stands_in_its_place_is_set_right
            nothing_is_written_through_a_link
            a_folder_in_the_way_stops_everything
            what_leaves_the_roots_is_refused
            links_are_saved_as_links
            what_is_not_there_is_passed_over
            what_is_no_file_is_passed_over
            what_is_above_the_limits_is_not_saved
            a_tree_tells_what_is_in_it
            every_look_up_is_noted
            a_miss_names_the_nearest_key
            a_miss_names_the_ref_that_may_not_be_read
            a_miss_names_the_paths_that_differ
            a_miss_tells_when_the_cache_went_and_why
            a_miss_is_explained_by_what_was_there_then
            an_artifact_is_put_into_place
            paths_begin_at_the_base
            a_name_is_taken_until_it_is_overwritten
            the_same_content_has_the_same_digest
            artifacts_are_chosen_by_name_pattern_and_id
            several_artifacts_are_put_apart_or_together
            of_artifacts_that_cannot_be_joined_none_is_put
            what_is_missing_is_told
            names_that_cannot_be_are_refused
            the_longest_unused_cache_makes_room
            what_can_never_fit_is_refused_and_nothing_goes
            artifacts_do_not_make_room
            the_same_content_is_kept_once
            what_nobody_uses_goes_in_time
            saving_tends_now_and_then
            artifacts_go_when_their_time_is_over
            replaced_content_goes
        }
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! suite_cases {
    ($suite:ident, $fresh:expr; $($case:ident)+) => {
        $(
            #[tokio::test]
            async fn $case() {
                let fresh = $fresh.await;
                $crate::suite::$suite::$case(&*fresh).await;
            }
        )+
    };
}

#[cfg(test)]
mod tests {
    #[test]
    fn every_case_is_listed() {
        let cases = [
            include_str!("suite/depot/artifacts.rs"),
            include_str!("suite/depot/caches.rs"),
            include_str!("suite/depot/files.rs"),
            include_str!("suite/depot/misses.rs"),
            include_str!("suite/depot/room.rs"),
            include_str!("suite/store/commits.rs"),
            include_str!("suite/store/slots.rs"),
            include_str!("suite/store/intents.rs"),
            include_str!("suite/store/claims.rs"),
            include_str!("suite/store/journal.rs"),
            include_str!("suite/workloads.rs"),
            include_str!("suite/traffic.rs"),
            include_str!("suite/vault.rs"),
        ];
        let listed: Vec<_> = include_str!("suite.rs").lines().map(str::trim).collect();
        for line in cases.into_iter().flat_map(str::lines) {
            if let Some(rest) = line.strip_prefix("pub async fn ") {
                let name = rest.split('(').next().unwrap();
                assert!(listed.contains(&name), "{name}");
            }
        }
    }
}
