//! What the page costs with 60 printers that each report once a second: first paint, bytes, CPU, memory.
//!
//! `PLATEN_PAGE_MINUTES=60` watches for an hour; without it for a few seconds. The figures are printed as JSON and
//! kept in `target/page-figures.json`. Only what a slow clock does not change is held to its limit here.

use std::path::PathBuf;
use std::time::Duration;

use hw_sim::pty::PrinterConfig;
use process_harness::{BOUND, until_within};
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::browser::{Browser, cpu_of_tree};
use crate::lab::{Daemon, Lab, board};

const PRINTERS: usize = 60;
const BYTES_MAX: u64 = 120_000;

/// Long slow moves: each printer is busy for hours and its line is nearly idle.
fn file() -> String {
    let mut text = String::from("M140 S60\nM104 S200\nG28\nG90\n");
    for layer in 0..400 {
        text.push_str(&format!("G1 Z{}.{} F300\n", layer / 5 + 1, layer % 5 * 2));
        for (x, y) in [(10, 10), (90, 10), (90, 90), (10, 90)] {
            text.push_str(&format!("G1 X{x} Y{y} F600\n"));
        }
    }
    text + "M104 S0\nM140 S0\n"
}

fn farm() -> (Lab, Daemon) {
    let folder = tempfile::tempdir().unwrap();
    let printers: Vec<PrinterConfig> = (1..=PRINTERS)
        .map(|number| PrinterConfig { speed: 1.0, ..board(&folder, &format!("mk-{number:02}")) })
        .collect();
    let lab = Lab::with(folder, printers, "", "");
    let daemon = lab.serve();
    let all_are = |state: &str| {
        let printers = daemon.get("/v1/printers");
        printers.as_array().unwrap().iter().all(|printer| printer["state"] == state).then_some(())
    };
    until_within("60 printers that are ready", BOUND * 2, || all_are("ready"));
    let case = daemon.case();
    let file = daemon.send("/v1/files", "application/octet-stream", file().as_bytes())["file"].clone();
    for printer in &lab.printers {
        daemon.print_file(&file, &case, printer.name());
    }
    until_within("60 printers that print", BOUND * 2, || all_are("printing"));
    (lab, daemon)
}

/// What this load of the page took over the wire, heads and all: what is the page's own, and pictures of prints.
const BYTES: &str = "
const all = [...performance.getEntriesByType('navigation'), ...performance.getEntriesByType('resource')];
const sum = (some) => some.reduce((sum, one) => sum + (one.transferSize ?? 0), 0);
const isPicture = (one) => one.initiatorType === 'img' || one.name.includes('/picture');
return [sum(all.filter((one) => !isPicture(one))), sum(all.filter(isPicture))]";

const FIRST_PAINT: &str =
    "return performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? null";

/// Heap in bytes and nodes, after what is garbage is gone.
fn memory(browser: &Browser) -> [f64; 2] {
    for _ in 0..2 {
        browser.cdp("HeapProfiler.collectGarbage", &json!({}));
    }
    let told = browser.cdp("Performance.getMetrics", &json!({}));
    ["JSHeapUsedSize", "Nodes"].map(|name| {
        let metrics = told["metrics"].as_array().unwrap();
        metrics.iter().find(|one| one["name"] == name).and_then(|one| one["value"].as_f64()).unwrap()
    })
}

fn pause(browser: &Browser, span: Duration) {
    // In the browser, so that what is waited for is time on its side.
    let millis = u64::try_from(span.as_millis()).unwrap();
    browser.script_later("setTimeout(arguments[1], arguments[0])", vec![millis.into()]);
}

/// CPU of all of the browser's processes, as a share of one core.
fn cpu(browser: &Browser, span: Duration) -> f64 {
    let (before, began) = (cpu_of_tree(browser.pid), Instant::now());
    pause(browser, span);
    (cpu_of_tree(browser.pid) - before) / began.elapsed().as_secs_f64()
}

#[test]
fn with_sixty_printers_the_page_is_small_and_its_memory_stays_flat() {
    let minutes: u64 = std::env::var("PLATEN_PAGE_MINUTES").map_or(0, |text| text.parse().unwrap());
    let (_lab, daemon) = farm();
    let browser = Browser::of(&daemon.url);
    browser.cdp("Performance.enable", &json!({}));
    browser.go("/");
    browser.wait("60 cards", "return document.querySelectorAll('[id^=stop-mk-]').length >= 60");
    let sums = browser.script(BYTES, vec![]);
    let [bytes, pictures] = [0, 1].map(|index| sums[index].as_f64().unwrap());
    // The first of a browser that was just started has the start of its processes in it.
    let just_started = browser.wait("a first paint", FIRST_PAINT);
    let mut paints = Vec::new();
    for _ in 0..20 {
        // Nobody opens a page while the one before still comes alive.
        browser.wait("a page that follows", "return !document.body.classList.contains('stale')");
        pause(&browser, Duration::from_secs(2));
        browser.cdp("Network.clearBrowserCache", &json!({}));
        browser.go("/");
        paints.push(browser.wait("a first paint", FIRST_PAINT));
    }
    browser.screenshot("farm-60-printers");

    // What is made once is made by then.
    pause(&browser, Duration::from_secs(5));
    let began = memory(&browser);
    let mut shares = vec![cpu(&browser, Duration::from_secs(if minutes == 0 { 20 } else { 60 }))];
    let mut kept = vec![began, memory(&browser)];
    for _ in 1..minutes {
        shares.push(cpu(&browser, Duration::from_secs(60)));
        kept.push(memory(&browser));
    }
    let is_live = "return !document.body.classList.contains('stale')";
    assert_eq!(browser.script(is_live, vec![]), json!(true), "the page has followed all the time");
    let swapped = browser.script("return performance.getEntriesByType('resource').length", vec![]);
    let streamed = daemon.bytes_of_stream("/live?at=/", Duration::from_secs(10));
    let figures = json!({"printers": PRINTERS, "bytes": bytes, "bytes_of_pictures": pictures,
        "bytes_of_stream_in_10_s": streamed, "first_paint_ms": paints,
        "first_paint_of_a_new_browser_ms": just_started,
        "cpu_of_a_core": shares, "heap_bytes_and_nodes": kept, "requests": swapped});
    told(&figures);

    assert!(bytes > 0.0 && bytes <= BYTES_MAX as f64, "{bytes} bytes over the wire");
    let [heap, nodes] = began;
    let [heap_now, nodes_now] = *kept.last().unwrap();
    assert!(heap_now <= heap * 1.25 + 1_000_000.0, "the heap grew from {heap} to {heap_now}: {figures}");
    assert!(nodes_now <= nodes * 1.1 + 300.0, "nodes grew from {nodes} to {nodes_now}: {figures}");
}

fn told(figures: &Value) {
    println!("{figures}");
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("target/page-figures.json");
    std::fs::write(path, format!("{figures:#}\n")).unwrap();
}
