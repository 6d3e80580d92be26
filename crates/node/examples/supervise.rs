//! A supervisor by itself, for tests that kill it: keeps instances in the folder that it is given
//! of the workload in the file that it is given, and prints what there is whenever it changes.

use std::path::Path;
use std::sync::Arc;

use jiff::Timestamp;
use model::id::ReleaseId;
use model::intent::Group;
use model::workload::Workload;
use node::supervisor::{Launcher, Settings, Supervisor};
use ports::clock::SystemClock;
use ports::entropy::SystemEntropy;

#[tokio::main]
async fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [folder, workload, count] = &*args else { panic!("FOLDER WORKLOAD COUNT") };
    let workload = std::fs::read(workload).expect("the workload can be read");
    let workload: Workload = serde_json::from_slice(&workload).expect("it is a workload");
    let program = std::env::current_exe().expect("this program has a file");
    let program = program.with_file_name("internal_instance");
    let settings = Settings::new(Launcher { program, args: Vec::new() });
    let (clock, entropy) = (Arc::new(SystemClock), Arc::new(SystemEntropy));
    let supervisor = Supervisor::open(Path::new(folder), Arc::default(), clock, entropy, settings)
        .expect("the folder can be used");
    let place = "shop/production".parse().expect("it is a place");
    let group = Group { place, release: ReleaseId::new(Timestamp::UNIX_EPOCH, [1; 10]) };
    let mut changes = supervisor.changes();
    supervisor.ensure(&group, count.parse().expect("it is a number"), Arc::new(workload));
    while changes.changed().await.is_ok() {
        let instances = serde_json::to_string(&supervisor.instances());
        println!("{}", instances.expect("instances can be told"));
    }
}
