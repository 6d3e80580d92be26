//! Temporary.
use std::fmt::Write;
#[test]
fn perf() {
    let mut small = "on: push\njobs:\n".to_owned();
    for i in 0..20 {
        writeln!(small, "  job{i}:\n    runs-on: ubuntu-latest\n    strategy:\n      matrix:\n        a: [{}]\n        b: [{}]\n    env:\n      A: ${{{{ github.ref }}}}\n    steps:", (0..16).map(|i| i.to_string()).collect::<Vec<_>>().join(", "), (0..16).map(|i| format!("x{i}")).collect::<Vec<_>>().join(", ")).unwrap();
        for s in 0..10 { writeln!(small, "      - name: step {s}\n        if: github.ref == 'refs/heads/main'\n        run: echo ${{{{ matrix.a }}}} && make b\n        env:\n          X: y").unwrap(); }
    }
    let mut large = "on: push\njobs:\n".to_owned();
    for i in 0..5000 {
        writeln!(large, "  job{i}:\n    runs-on: ubuntu-latest\n    needs: [{}]\n    if: github.ref == 'x'\n    steps:\n      - uses: actions/checkout@v4\n      - run: echo ${{{{ github.sha }}}}", if i == 0 { String::new() } else { format!("job{}", i - 1) }).unwrap();
    }
    let mut ring = "on: push\njobs:\n".to_owned();
    for i in 0..5000 {
        writeln!(ring, "  job{i}:\n    runs-on: x\n    needs: [job{}, job{}, nobody{i}]\n    steps: [{{run: x}}]", (i + 1) % 5000, (i * 7) % 5000).unwrap();
    }
    let mut steps = "on: push\njobs:\n  a:\n    runs-on: x\n    steps:\n".to_owned();
    for i in 0..20000 { writeln!(steps, "      - {{ run: echo {i} }}").unwrap(); }
    let keys = format!("on: push\njobs:\n  a:\n    runs-on: x\n    env:\n{}    steps: [{{run: x}}]\n", (0..50_000).map(|i| format!("      k{i}: v\n")).collect::<String>());
    let wrong = format!("on: push\njobs:\n{}", (0..5_000).map(|i| format!("  k{i}:\n    runs-onn: v\n    stepss: 1\n")).collect::<String>());
    for (name, text) in [("small", &small), ("large", &large), ("ring", &ring), ("steps", &steps), ("keys", &keys), ("wrong", &wrong)] {
        let mut best = u128::MAX; let mut problems = 0; let mut f = 0; let mut tf = u128::MAX; let mut ty = u128::MAX;
        for _ in 0..5 {
            let start = std::time::Instant::now();
            let d = model::yaml::read("x", text.as_bytes(), &model::yaml::Options { limits: model::yaml::Limits { nodes: 500_000, bytes: 8 << 20, ..Default::default() }, ..Default::default() });
            ty = ty.min(start.elapsed().as_micros()); drop(d);
            let start = std::time::Instant::now();
            let reading = workflow::syntax::read("x.yml", text.as_bytes(), None, &Default::default());
            best = best.min(start.elapsed().as_micros());
            problems = reading.problems.len();
            let start = std::time::Instant::now();
            f = reading.findings().len();
            tf = tf.min(start.elapsed().as_micros());
        }
        println!("{name}: {} bytes, yaml {ty} us, read {best} us, {problems} problems, {f} findings in {tf} us", text.len());
    }
}
