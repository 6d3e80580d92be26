//! What instances use, as Prometheus reads it.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use jiff::SignedDuration;
use model::intent::Group;

use crate::supervisor::{InstanceReport, InstanceState};

/// The instances of each group together: who has which number is nobody's business but the logs'.
pub(crate) fn of_instances(instances: &[InstanceReport]) -> String {
    let mut groups: BTreeMap<(&Group, &str), Sum> = BTreeMap::new();
    for instance in instances {
        let sum = groups.entry((&instance.group, &instance.version)).or_default();
        sum.instances += 1;
        sum.ready += u64::from(instance.state == InstanceState::Ready);
        sum.restarts += u64::from(instance.restarts);
        sum.oom_kills += instance.usage.oom_kills;
        sum.memory += instance.usage.memory;
        sum.processor += instance.usage.processor;
    }
    let mut text = String::new();
    let mut metric = |name: &str, kind: &str, help: &str, of: &dyn Fn(&Sum) -> String| {
        let _ = writeln!(text, "# HELP {name} {help}\n# TYPE {name} {kind}");
        for ((group, version), sum) in &groups {
            let Group { place, release } = group;
            // Versions are people's words; the others hold no character that needs care.
            let version = version.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
            let _ = writeln!(
                text,
                "{name}{{service=\"{}\",environment=\"{}\",release=\"{release}\",version=\"{version}\"}} {}",
                place.service,
                place.environment,
                of(sum)
            );
        }
    };
    metric("highroad_instances", "gauge", "Instances there are.", &|sum| sum.instances.to_string());
    metric("highroad_instances_ready", "gauge", "Instances that are well.", &|sum| {
        sum.ready.to_string()
    });
    metric(
        "highroad_instance_restarts_total",
        "counter",
        "Restarts of the instances there are.",
        &|sum| sum.restarts.to_string(),
    );
    metric("highroad_instance_oom_kills_total", "counter", "Ends for want of memory.", &|sum| {
        sum.oom_kills.to_string()
    });
    metric("highroad_instance_memory_bytes", "gauge", "Memory in use.", &|sum| {
        sum.memory.to_string()
    });
    metric("highroad_instance_cpu_seconds_total", "counter", "Processor time used.", &|sum| {
        sum.processor.as_secs_f64().to_string()
    });
    text
}

#[derive(Debug, Default)]
struct Sum {
    instances: u64,
    ready: u64,
    restarts: u64,
    oom_kills: u64,
    memory: u64,
    processor: SignedDuration,
}
