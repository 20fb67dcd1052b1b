//! A lab in which something of everything has happened, so that no page is empty.

use std::sync::{Arc, Mutex, PoisonError, Weak};

use process_harness::{gcode, until};
use serde_json::json;

use crate::lab::{Daemon, Lab};

/// By which names pages of single things are opened.
pub struct Names {
    pub case: String,
    pub serial: String,
    pub job: String,
    /// A job that waits, and its file.
    pub waiting: String,
    pub file: String,
    pub lot: String,
}

pub struct Busy {
    pub daemon: Daemon,
    pub names: Names,
    /// Its printers, for as long as somebody looks.
    _lab: Lab,
}

/// One for all that look at the same time, and change nothing; it ends with the last of them.
pub fn busy() -> Arc<Busy> {
    static SHARED: Mutex<Weak<Busy>> = Mutex::new(Weak::new());
    // Where it could not be made once, the next test says why, too.
    let mut shared = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
    shared.upgrade().unwrap_or_else(|| {
        let made = Arc::new(make());
        *shared = Arc::downgrade(&made);
        made
    })
}

/// `mk` prints, `pr` has a printed part on its bed, `st` is stopped, `aw` is not there.
fn make() -> Busy {
    let lab = Lab::of(&["mk", "pr", "st", "aw"]);
    let daemon = lab.serve_people();
    for name in ["mk", "pr", "st", "aw"] {
        daemon.wait_printer(name, "ready");
    }
    let case = daemon.case();
    daemon.done(&format!("/v1/cases/{case}/parts"), &json!({"name": "right hand"}));
    daemon.done(&format!("/v1/cases/{case}/messages"), &json!({"text": "the left hand is wanted first"}));
    let lot = json!({"material": "PLA", "supplier_lot": "L-1", "received": "2020-01-01",
        "expires": "2099-01-01", "grams": 1000});
    let lot = daemon.done("/v1/lots", &lot)["id"].as_str().unwrap().to_owned();
    let item = json!({"name": "whole", "unit": "yes", "nominal": 1, "low": 1, "high": 1, "weight": "fail"});
    daemon.done("/v1/templates", &json!({"name": "look", "method": "visual", "items": [item]}));

    let first = daemon.print(&gcode("a short one", 30), &case, "pr");
    daemon.wait_job(&first, "printed");
    // Slow enough to print for as long as anybody looks.
    let job = daemon.print(&gcode("a long one", 60_000).replace("F6000", "F300"), &case, "mk");
    daemon.wait_job(&job, "printing");
    // It waits behind the one that prints.
    let waiting = daemon.print(&gcode("another one", 300), &case, "mk");
    let file = daemon.get(&format!("/v1/jobs/{waiting}"))["file"].as_str().unwrap().to_owned();
    daemon.send_from_slicer("plate.gcode", &gcode("sent by a slicer", 10));
    daemon.done("/v1/stop", &json!({"by": "kim", "printer": "st"}));
    daemon.wait_printer("st", "stopped");
    lab.printer("aw").unplug().unwrap();
    daemon.wait_printer("aw", "offline");
    let serial = until("a printed part", || {
        let printed = daemon.get("/v1/printed?state=printed");
        printed[0]["serial"].as_str().map(str::to_owned)
    });
    Busy { daemon, names: Names { case, serial, job, waiting, file, lot }, _lab: lab }
}
