//! How long the queue's page takes with 500 waiting jobs and 100 printers, beside the API's own list of them: the whole
//! answer on loopback, and how long somebody who writes to the journal waits beside it.
#![allow(clippy::unwrap_used, reason = "a benchmark that cannot go on says so by a panic")]
#![allow(clippy::disallowed_methods, reason = "it measures the machine's own time")]

#[path = "../tests/support/mod.rs"]
mod support;

use std::time::Instant;

use serde_json::json;

const JOBS: usize = 500;
const PRINTERS: usize = 100;
const ROUNDS: usize = 11;
/// Milliseconds that the first paint may take in all.
const WANTED: f64 = 300.0;

async fn timed(lab: &support::TestLab, path: &str) -> ([f64; 2], usize) {
    let (mut times, mut bytes) = ([0.0; ROUNDS], 0);
    for time in &mut times {
        let begun = Instant::now();
        let answer = lab.get(path).await;
        *time = begun.elapsed().as_secs_f64() * 1e3;
        assert_eq!(answer.status, 200, "{answer:?}");
        bytes = answer.body.len();
    }
    times.sort_by(f64::total_cmp);
    ([times[0], times[ROUNDS / 2]], bytes)
}

#[tokio::main]
async fn main() {
    let names: Vec<String> = (0..PRINTERS).map(|at| format!("mk3-{at:03}")).collect();
    let lab = support::lab_with(&names.iter().map(String::as_str).collect::<Vec<_>>()).await;
    let case = lab.case().await;
    let mut first = None;
    for at in 0..JOBS {
        let pinned = at.is_multiple_of(5).then(|| names[at % PRINTERS].as_str());
        let job = lab.job(&case, pinned).await;
        if at.is_multiple_of(7) {
            let due = platen::domain::moment::WallTime(lab.clock.wall().0 + 3_600_000 * (at as u64 + 1));
            let wish = json!({ "due": due.to_string(), "by": "kim" });
            assert_eq!(lab.post(&format!("/v1/queue/{job}"), &wish).await.status, 200);
        }
        first.get_or_insert(job);
    }
    let drawn = lab.planner.draw().await;
    println!("{} jobs planned on {} printers", drawn.jobs.len(), drawn.printers.len());
    println!("                          best   median  bytes");
    let open = format!("/queue?open={}", first.unwrap());
    for (what, path) in
        [("GET /v1/queue", "/v1/queue"), ("GET /queue", "/queue"), ("with an open row", &open)]
    {
        let ([best, median], bytes) = timed(&lab, path).await;
        println!("{what:22} {best:7.2}  {median:7.2}  {bytes}");
    }
    println!("wanted of a page       {WANTED:7.2}");
}
