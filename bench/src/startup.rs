//! How soon the binary is there.

use std::path::Path;
use std::process::{Command, Stdio};

use crate::{Done, median, seconds};

pub(crate) fn measure(binary: &Path) -> Done {
    println!("start-up of the binary");
    for words in [&["--version"][..], &["schema"]] {
        let mut times = Vec::new();
        for _ in 0..40 {
            let (status, took) =
                seconds(|| Command::new(binary).args(words).stdout(Stdio::null()).status());
            if !status?.success() {
                return Err(format!("{} {} failed", binary.display(), words.join(" ")).into());
            }
            times.push(took * 1_000.0);
        }
        let (least, middle) = (times.iter().copied().fold(f64::MAX, f64::min), median(times));
        println!(
            "  {middle:>9.2} ms for `highroad {}` at the median, {least:.2} at best (wanted: under 10)",
            words.join(" ")
        );
    }
    println!();
    Ok(())
}
