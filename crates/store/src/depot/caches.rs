//! Caches: saved, found, and explained when they are not found.

use std::collections::HashMap;

use jiff::Timestamp;
use ports::depot::{
    Cache, CacheFilter, DepotError, DepotErrorKind, Explanation, Given, Hit, Lookup, LookupFilter,
    Outcome, PackedTree, RestoreCache, Root, SaveCache, Saved, Why,
};
use rusqlite::Transaction;

use super::Inner;
use super::carry::{pack, unpack};
use super::explain::{Past, explain};
use super::index::caches::{self, Found, Name};
use super::index::content::TreeId;
use super::index::room::{self, Freed};
use super::index::{Lasting, lookups};
use super::names::{check_key, check_keys, check_name, version};
use super::restore::{Broken, Plan, Stage, Standing};
use super::save::{Committing, Keep, gather};
use super::stop::Stop;
use super::trouble::Trouble;

impl Inner {
    pub(super) fn save_cache(&self, save: &SaveCache, stop: &Stop) -> Result<Saved, DepotError> {
        self.keep_cache(save, || gather(self.place(), &save.source, Keep::Cache, stop))
    }

    pub(super) fn take_cache(
        &self,
        save: &SaveCache,
        tree: PackedTree,
        stop: &Stop,
    ) -> Result<Saved, DepotError> {
        self.keep_cache(save, || unpack(self.place(), tree, save.source.limits, stop))
    }

    fn keep_cache<C: Committing>(
        &self,
        save: &SaveCache,
        gathered: impl FnOnce() -> Result<C, DepotError>,
    ) -> Result<Saved, DepotError> {
        check_key(&save.key)?;
        check_name("a repository", &save.repository)?;
        check_name("a ref", &save.git_ref)?;
        let version = version(&save.paths);
        let name = Name {
            repository: &save.repository,
            git_ref: &save.git_ref,
            version: &version,
            key: &save.key,
        };
        let taken = |cache: Option<(Cache, TreeId)>| {
            cache.filter(|_| !save.mutable).map(|(cache, _)| cache)
        };
        if let Some(cache) = taken(self.index.read(|connection| caches::get(connection, &name))?) {
            return Ok(Saved::Taken(cache));
        }
        let mut tree = gathered()?;
        let committed = tree.commit(
            |transaction| Ok(taken(caches::get(transaction, &name)?)),
            |transaction, tree| self.enter_cache(transaction, &name, &save.paths, tree),
        )?;
        let ((cache, freed), added) = match committed {
            Ok(committed) => committed,
            Err(cache) => return Ok(Saved::Taken(cache)),
        };
        self.give_back(&freed);
        self.tend_now_and_then();
        Ok(Saved::New { cache, added, skipped: tree.skipped() })
    }

    fn enter_cache(
        &self,
        transaction: &Transaction<'_>,
        name: &Name<'_>,
        paths: &[String],
        tree: TreeId,
    ) -> Result<(Cache, Freed), Trouble> {
        let now = self.clock.now();
        let mut freed = Freed::default();
        let before = caches::get(transaction, name)?;
        if let Some((before, _)) = &before {
            // Its tree may be the new one too, so that goes only when this has its name.
            caches::remove(transaction, before, &Why::Replaced, now)?;
        }
        caches::add(transaction, name, paths, tree, now)?;
        if let Some((_, tree)) = before {
            room::drop_tree(transaction, tree, &mut freed)?;
        }
        let added = caches::get(transaction, name)?.ok_or(rusqlite::Error::QueryReturnedNoRows)?;
        let (cache, _) = added;
        self.make_room(transaction, name.key, Some(cache.id), now, &mut freed)?;
        Ok((cache, freed))
    }

    /// Lets caches go until the depot fits into its quota, or refuses what made it too large.
    pub(super) fn make_room(
        &self,
        transaction: &Transaction<'_>,
        for_whom: &str,
        but: Option<u64>,
        now: Timestamp,
        freed: &mut Freed,
    ) -> Result<(), Trouble> {
        let quota = self.options.quota;
        if room::make(transaction, quota, for_whom, but, now, freed)? {
            return Ok(());
        }
        let artifacts = super::index::artifacts::stored(transaction)?;
        let what = format!(
            "`{for_whom}` does not fit into the depot's quota of {quota} bytes, of which artifacts \
             need {artifacts}: remove artifacts, or raise the quota"
        );
        Err(DepotError::new(DepotErrorKind::NoRoom, what).into())
    }

    pub(super) fn restore_cache(
        &self,
        asked: &RestoreCache,
        stop: &Stop,
    ) -> Result<Option<Hit>, DepotError> {
        let found = self.found_cache(asked, stop, |tree, roots| self.put_cache(tree, roots, stop));
        Ok(found?.map(|(hit, _)| hit))
    }

    pub(super) fn give_cache(
        &self,
        asked: &RestoreCache,
        stop: &Stop,
    ) -> Result<Option<Given>, DepotError> {
        self.found_cache(asked, stop, |tree, _| pack(&self.index, &self.packs, tree, stop))
    }

    /// The best fit, and what became of it where there is somewhere to put it.
    fn found_cache<T>(
        &self,
        asked: &RestoreCache,
        stop: &Stop,
        put: impl Fn(TreeId, &[Root]) -> Result<T, Broken>,
    ) -> Result<Option<(Hit, Option<T>)>, DepotError> {
        check_keys(&asked.key, &asked.restore_keys)?;
        check_name("a repository", &asked.scope.repository)?;
        for git_ref in asked.scope.refs() {
            check_name("a ref", git_ref)?;
        }
        let version = version(&asked.paths);
        let mut noted = None;
        loop {
            stop.check()?;
            let (lookup, found) = self.look_up(asked, &version, noted)?;
            noted = Some(lookup);
            let Some(found) = found else { return Ok(None) };
            let Found { cache, tree, exact } = found;
            let Some(roots) = &asked.into else { return Ok(Some((Hit { cache, exact }, None))) };
            match put(tree, roots) {
                Ok(done) => return Ok(Some((Hit { cache, exact }, Some(done)))),
                Err(Broken::Gone) => {}
                Err(Broken::Trouble(error)) => return Err(error),
                Err(Broken::Damaged(what)) => self.drop_damaged(cache, tree, what)?,
            }
        }
    }

    /// Finds the best fit and notes it: anew, or in the place of what was noted before.
    fn look_up(
        &self,
        asked: &RestoreCache,
        version: &str,
        noted: Option<i64>,
    ) -> Result<(i64, Option<Found>), DepotError> {
        let now = self.clock.now();
        let others = asked.restore_keys.iter().map(String::as_str);
        let keys: Vec<&str> = std::iter::once(asked.key.as_str()).chain(others).collect();
        self.index.write(Lasting::Process, |transaction| {
            let mut found = caches::find(transaction, &asked.scope, version, &keys)?;
            let outcome = match &found {
                None => Outcome::Miss,
                Some(Found { cache, exact: true, .. }) => {
                    Outcome::Exact { git_ref: cache.git_ref.clone() }
                }
                Some(Found { cache, .. }) => {
                    Outcome::Partial { key: cache.key.clone(), git_ref: cache.git_ref.clone() }
                }
            };
            if let Some(Found { cache, .. }) = &mut found {
                caches::touch(transaction, cache.id, now)?;
                cache.used_at = now.max(cache.used_at);
            }
            let lookup = match noted {
                None => lookups::note(transaction, asked, version, &outcome, now)?,
                Some(lookup) => {
                    lookups::amend(transaction, lookup, &outcome, now)?;
                    lookup
                }
            };
            Ok((lookup, found))
        })
    }

    fn put_cache(&self, tree: TreeId, roots: &[Root], stop: &Stop) -> Result<(), Broken> {
        let plan = Plan::load(&self.index, &self.packs, tree)?;
        let given: HashMap<_, _> = roots.iter().map(|root| (&root.name, &root.path)).collect();
        let mut stages = Vec::new();
        let mut all_standing = Vec::new();
        for (nth, name) in plan.manifest.roots.iter().enumerate() {
            if !plan.manifest.items.iter().any(|item| item.root == nth) {
                continue;
            }
            let into = given.get(name).ok_or_else(|| {
                let what = format!("the cache holds files of `{name}`, which has no folder here");
                DepotError::new(DepotErrorKind::Outside, what)
            })?;
            let standing = Standing::look(&plan.manifest, nth, into, stop)?;
            if standing.is_all_of(&plan.manifest, nth) {
                Stage::sweep(into)?;
            } else {
                let mut stage = Stage::set_up(into, &*self.entropy)?;
                stage.fill(&plan, &self.packs, nth, &standing, "", stop)?;
                stage.check()?;
                stages.push(stage);
            }
            all_standing.push((standing, into));
        }
        stop.check()?;
        stages.into_iter().try_for_each(Stage::place)?;
        for (standing, into) in all_standing {
            standing.mend(&plan.manifest, into)?;
        }
        Ok(())
    }

    /// What is damaged is as good as never saved.
    fn drop_damaged(&self, cache: Cache, tree: TreeId, what: String) -> Result<(), DepotError> {
        self.distrust_damaged(tree)?;
        let now = self.clock.now();
        let freed = self.index.write(Lasting::Process, |transaction| {
            let mut freed = Freed::default();
            room::drop_cache(transaction, cache, tree, &Why::Damaged { what }, now, &mut freed)?;
            Ok(freed)
        })?;
        self.give_back(&freed);
        Ok(())
    }

    pub(super) fn caches(&self, filter: &CacheFilter) -> Result<Vec<Cache>, DepotError> {
        let found = self.index.read(|connection| caches::list(connection, filter))?;
        Ok(found.into_iter().map(|(cache, _)| cache).collect())
    }

    pub(super) fn remove_caches(&self, filter: &CacheFilter) -> Result<Vec<Cache>, DepotError> {
        let now = self.clock.now();
        let mut freed = self.index.write(Lasting::Process, |transaction| {
            let mut freed = Freed::default();
            for (cache, tree) in caches::list(transaction, filter)? {
                room::drop_cache(transaction, cache, tree, &Why::Removed, now, &mut freed)?;
            }
            Ok(freed)
        })?;
        self.give_back(&freed);
        Ok(std::mem::take(&mut freed.caches))
    }

    pub(super) fn lookups(&self, filter: &LookupFilter) -> Result<Vec<Lookup>, DepotError> {
        self.index.read(|connection| lookups::list(connection, filter))
    }

    pub(super) fn explain(&self, lookup: u64) -> Result<Option<Explanation>, DepotError> {
        self.index.read(|connection| {
            let Some(lookup) = lookups::get(connection, lookup)? else { return Ok(None) };
            let repository = Some(lookup.scope.repository.clone());
            let gone = caches::gone(connection, &lookup.scope.repository)?;
            let of_repository = CacheFilter { repository, ..CacheFilter::default() };
            let caches = caches::list(connection, &of_repository)?;
            let caches = caches.into_iter().map(|(cache, _)| cache).collect();
            Ok(Some(explain(lookup, &Past { caches, gone })))
        })
    }
}
