//! One headless Chromium, driven as a person does: it looks until something is there, presses, holds, types.
//!
//! Chromedriver and Chromium are processes of this test alone, and end with it. Where WebDriver has no word
//! (media, metrics, the console), chromedriver's own addresses are asked.

use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use base64::Engine as _;
use fantoccini::actions::{
    Actions, InputSource, KeyAction, KeyActions, MOUSE_BUTTON_LEFT, MouseActions, PointerAction, TouchActions,
};
use fantoccini::elements::Element;
use fantoccini::error::CmdError;
use fantoccini::wd::WindowHandle;
use fantoccini::{Client, ClientBuilder, Locator};
use hyper_util::client::legacy::connect::HttpConnector;
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use process_harness::{BOUND, Process, until, until_within};
use serde_json::{Map, Value, json};
use tokio::runtime::Runtime;
use tokio::time::Instant;

/// A screen at the desk, and a 10-inch tablet by the printers.
pub const DESK: (u32, u32) = (1440, 900);
pub const TABLET: (u32, u32) = (1024, 768);

/// What a browser is told before it starts.
#[derive(Clone, Copy, Debug)]
pub struct Kind {
    pub scripts: bool,
    pub language: &'static str,
}

impl Default for Kind {
    fn default() -> Self {
        Self { scripts: true, language: "en" }
    }
}

/// With what a button is held down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum By {
    Mouse,
    Finger,
    /// The key that presses a button which has the focus.
    Key(char),
}

/// What comes after a button went down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Then {
    Stay,
    Up,
    Away,
}

/// One of two fingers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Finger {
    First,
    Second,
}

/// What a finger does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Touch<'a> {
    /// It goes down on this element.
    On(&'a str),
    /// A little to the side.
    Slide,
    Lift,
}

pub const TAB: &str = "\u{E004}";
pub const SPACE: By = By::Key(' ');
pub const ENTER: By = By::Key('\u{E007}');

pub struct Browser {
    runtime: Runtime,
    client: Option<Client>,
    /// Chromedriver's address of this session.
    session: String,
    agent: ureq::Agent,
    /// The browser's first process; all others are its children.
    pub pid: i32,
    driver: Process,
    site: String,
    scripts: bool,
}

/// Chromium as it runs on a machine without a screen, asking nobody for anything.
fn capabilities(kind: Kind) -> Map<String, Value> {
    let language = format!("--accept-lang={}", kind.language);
    let arguments = [
        "--headless=new",
        "--no-sandbox",
        "--disable-dev-shm-usage",
        "--disable-gpu",
        "--window-size=1440,1000",
        "--no-proxy-server",
        "--disable-component-update",
        "--force-color-profile=srgb",
        // Where one asks how much memory it has, the answer is no rounded one.
        "--enable-precise-memory-info",
        &language,
    ];
    let mut preferences = json!({"intl.accept_languages": kind.language});
    if !kind.scripts {
        preferences["profile.managed_default_content_settings.javascript"] = json!(2);
    }
    let chosen = json!({
        "goog:chromeOptions": {"binary": "/usr/bin/chromium", "args": arguments, "prefs": preferences},
        "goog:loggingPrefs": {"browser": "ALL"},
        // Axe takes its time on two cores that do other things too.
        "timeouts": {"script": 180_000, "pageLoad": 90_000},
    });
    match chosen {
        Value::Object(map) => map,
        _ => Map::new(),
    }
}

/// The port that chromedriver chose.
fn port(driver: &mut Process) -> u16 {
    until("chromedriver's port", || {
        let ended = driver.ended();
        assert!(ended.is_none(), "chromedriver ended with {ended:?}: {} {}", driver.out(), driver.err());
        let out = driver.out();
        let (_, rest) = out.split_once("started successfully on port ")?;
        rest.split_once('.')?.0.parse().ok()
    })
}

/// Looks until it is well; where it never is, what was the matter last is told.
fn until_told<T>(what: &str, mut look: impl FnMut() -> Result<T, String>) -> T {
    let deadline = Instant::now() + BOUND;
    let seen = until_within(what, BOUND * 2, || match look() {
        Ok(seen) => Some(Ok(seen)),
        Err(told) => (Instant::now() > deadline).then_some(Err(told)),
    });
    seen.unwrap_or_else(|told| panic!("not within {BOUND:?}: {what}: {told:.2000}"))
}

impl Browser {
    /// A browser for this site: `http://127.0.0.1:4242`.
    pub fn of(site: &str) -> Self {
        Self::start(site, Kind::default())
    }

    pub fn without_scripts(site: &str) -> Self {
        Self::start(site, Kind { scripts: false, ..Kind::default() })
    }

    pub fn start(site: &str, kind: Kind) -> Self {
        let mut command = Command::new("chromedriver");
        // A group of its own, so that nothing of it stays behind whatever happens.
        std::os::unix::process::CommandExt::process_group(command.arg("--port=0"), 0);
        let mut driver = Process::spawn(&mut command);
        let address = format!("http://127.0.0.1:{}", port(&mut driver));
        let runtime = Runtime::new().unwrap();
        let connecting = async {
            let mut builder = ClientBuilder::new(HttpConnector::new());
            builder.capabilities(capabilities(kind)).connect(&address).await
        };
        let client = runtime.block_on(connecting).unwrap();
        let id = runtime.block_on(client.session_id()).unwrap().unwrap();
        let pid = client.capabilities().and_then(|told| told.get("goog:processID")?.as_i64()).unwrap();
        let agent = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .timeout_global(Some(BOUND))
            .proxy(None)
            .build();
        let browser = Self {
            runtime,
            client: Some(client),
            session: format!("{address}/session/{id}"),
            agent: agent.new_agent(),
            pid: i32::try_from(pid).unwrap(),
            driver,
            site: site.to_owned(),
            scripts: kind.scripts,
        };
        browser.size(DESK);
        browser
    }

    fn client(&self) -> &Client {
        self.client.as_ref().unwrap()
    }

    fn run<T>(&self, work: impl Future<Output = Result<T, CmdError>>) -> Result<T, CmdError> {
        self.runtime.block_on(work)
    }

    // ---- what WebDriver has no word for

    fn ask(&self, path: &str, body: &Value) -> Value {
        let mut answer = self.agent.post(format!("{}/{path}", self.session)).send_json(body).unwrap();
        let told: Value = answer.body_mut().with_config().limit(64 << 20).read_json().unwrap();
        assert!(answer.status().is_success(), "{path} {body}: {told}");
        told["value"].clone()
    }

    /// A command of Chromium's own protocol.
    pub fn cdp(&self, command: &str, parameters: &Value) -> Value {
        self.ask("goog/cdp/execute", &json!({"cmd": command, "params": parameters}))
    }

    /// What the console has said since it was asked last that is an error, and what the policy held back.
    pub fn console_errors(&self) -> Vec<String> {
        let told = self.ask("se/log", &json!({"type": "browser"}));
        let bad = |entry: &&Value| {
            let text = entry["message"].as_str().unwrap_or_default();
            entry["level"] == "SEVERE" || text.contains("Content Security Policy")
        };
        let all = told.as_array().unwrap().iter().filter(bad);
        all.map(|entry| entry["message"].as_str().unwrap_or_default().to_owned()).collect()
    }

    /// The page is shown so large, in CSS pixels.
    pub fn size(&self, (width, height): (u32, u32)) {
        let touch = (width, height) == TABLET;
        let screen = json!({"width": width, "height": height, "deviceScaleFactor": 1, "mobile": false});
        self.cdp("Emulation.setDeviceMetricsOverride", &screen);
        self.cdp("Emulation.setTouchEmulationEnabled", &json!({"enabled": touch}));
    }

    /// What the system is set to: `light` or `dark`.
    pub fn scheme(&self, scheme: &str) {
        let features = json!([{"name": "prefers-color-scheme", "value": scheme},
            {"name": "prefers-reduced-motion", "value": "reduce"}]);
        self.cdp("Emulation.setEmulatedMedia", &json!({"features": features}));
    }

    // ---- looking

    /// Goes there, and waits until the page's scripts run.
    pub fn go(&self, path: &str) {
        self.run(self.client().goto(&format!("{}{path}", self.site))).unwrap();
        until(&format!("the scripts of {path}"), || self.is_alive());
    }

    /// Path and query of the page that is shown.
    pub fn place(&self) -> String {
        let url = self.run(self.client().current_url()).unwrap();
        url.as_str().strip_prefix(self.site.as_str()).unwrap_or(url.as_str()).to_owned()
    }

    /// The status with which the page was answered.
    pub fn status(&self) -> u64 {
        let script = "return performance.getEntriesByType('navigation')[0]?.responseStatus ?? 0";
        self.script(script, vec![]).as_u64().unwrap()
    }

    /// What a script returns. WebDriver's scripts run where the page's own do not.
    pub fn script(&self, script: &str, arguments: Vec<Value>) -> Value {
        self.run(self.client().execute(script, arguments))
            .unwrap_or_else(|error| panic!("{script:.300}: {error}"))
    }

    /// What a script gives to the last of its arguments.
    pub fn script_later(&self, script: &str, arguments: Vec<Value>) -> Value {
        self.run(self.client().execute_async(script, arguments))
            .unwrap_or_else(|error| panic!("{script:.300}: {error}"))
    }

    /// Looks until the script returns something that is true.
    pub fn wait(&self, what: &str, script: &str) -> Value {
        until(what, || {
            self.is_alive()?;
            let told = self.run(self.client().execute(script, vec![])).ok()?;
            (!matches!(told, Value::Null | Value::Bool(false))).then_some(told)
        })
    }

    /// A page is seen a moment before its scripts run: nobody's hands are that fast.
    fn is_alive(&self) -> Option<()> {
        let has_none = "return !document.querySelector('script[src]')
            || document.documentElement.classList.contains('script')";
        let told = || self.run(self.client().execute(has_none, vec![])).ok();
        (!self.scripts || told()? == Value::Bool(true)).then_some(())
    }

    fn find(&self, css: &str) -> Option<Element> {
        self.run(self.client().find(Locator::Css(css))).ok()
    }

    pub fn has(&self, css: &str) -> bool {
        self.find(css).is_some()
    }

    pub fn wait_for(&self, css: &str) {
        until(&format!("{css} on {}", self.place()), || {
            self.is_alive()?;
            self.find(css).map(drop)
        });
    }

    pub fn wait_gone(&self, css: &str) {
        until(&format!("no {css} on {}", self.place()), || (!self.has(css)).then_some(()));
    }

    /// What is shown of the first such element.
    pub fn text(&self, css: &str) -> String {
        let found = self.find(css).and_then(|element| self.run(element.text()).ok());
        found.unwrap_or_default()
    }

    pub fn wait_for_text(&self, css: &str, text: &str) {
        until_told(&format!("`{text}` in {css} on {}", self.place()), || {
            let shown = self.text(css);
            if shown.contains(text) { Ok(()) } else { Err(format!("it says `{shown}`")) }
        });
    }

    /// All text that there is, shown or not.
    pub fn content(&self) -> String {
        self.script("return document.body.textContent", vec![]).as_str().unwrap_or_default().to_owned()
    }

    /// Keeps what is seen now as `target/screenshots/{name}.png`.
    pub fn screenshot(&self, name: &str) {
        keep(name, &self.run(self.client().screenshot()).unwrap());
    }

    /// The same of the page down to its end, where there is more of it than fits.
    pub fn screenshot_whole(&self, name: &str) {
        let higher = self.script("return document.documentElement.scrollHeight > innerHeight + 8", vec![]);
        if higher == Value::Bool(true) {
            let told = self.cdp("Page.captureScreenshot", &json!({"captureBeyondViewport": true}));
            let picture = base64::engine::general_purpose::STANDARD.decode(told["data"].as_str().unwrap());
            keep(name, &picture.unwrap());
        }
    }

    // ---- tabs

    /// The tab that is looked at.
    pub fn tab(&self) -> WindowHandle {
        self.run(self.client().window()).unwrap()
    }

    /// Looks at this tab, and nobody sees the others.
    pub fn look_at(&self, tab: &WindowHandle) {
        self.run(self.client().switch_to_window(tab.clone())).unwrap();
    }

    /// Opens a tab in front of the one that is asked, and goes on asking that, which nobody sees any more.
    pub fn cover(&self) {
        self.script("window.open('about:blank', '_blank', 'noopener')", vec![]);
        self.wait("a tab that nobody sees", "return document.hidden");
    }

    /// The tab that was opened from this one.
    pub fn opened_tab(&self) -> WindowHandle {
        let here = self.tab();
        until("another tab", || {
            let all = self.run(self.client().windows()).unwrap();
            all.into_iter().find(|tab| *tab != here)
        })
    }

    // ---- doing

    /// Does something with an element that may be replaced while we look at it.
    fn with(&self, css: &str, what: &str, mut work: impl FnMut(&Element) -> Result<(), CmdError>) {
        until_told(&format!("{what} {css} on {}", self.place()), || {
            self.is_alive().ok_or("its scripts do not run yet")?;
            let element = self.find(css).ok_or("it is not there")?;
            work(&element).map_err(|error| error.to_string())
        });
    }

    /// Where the page was left, something may stand under its head: nobody clicks there.
    fn show(&self, css: &str) {
        let show =
            "document.querySelector(arguments[0])?.scrollIntoView({block: 'center', behavior: 'instant'})";
        self.script(show, vec![css.into()]);
    }

    pub fn click(&self, css: &str) {
        self.with(css, "a click on", |element| {
            self.show(css);
            self.run(element.click())
        });
    }

    /// Types over what is in a field.
    pub fn write(&self, css: &str, text: &str) {
        self.with(css, "typing into", |element| {
            self.run(element.clear())?;
            self.run(element.send_keys(text))
        });
    }

    /// Puts a value into a field of any kind, as a person who knows the kind does.
    pub fn fill(&self, css: &str, value: &str) {
        self.wait_for(css);
        let kind = "const field = document.querySelector(arguments[0]);
            return field.tagName === 'SELECT' ? 'select' : field.type";
        match self.script(kind, vec![css.into()]).as_str().unwrap_or_default() {
            "select" => {
                self.with(css, "choosing in", |element| self.run(element.select_by_value(value)));
            }
            // The keys of a date depend on the country of the system.
            "date" | "datetime-local" | "hidden" => {
                let set = "const field = document.querySelector(arguments[0]);
                    field.value = arguments[1];
                    for (const kind of ['input', 'change'])
                        field.dispatchEvent(new Event(kind, {bubbles: true}));";
                self.script(set, vec![css.into(), value.into()]);
            }
            "radio" => self.click(&format!("{css}[value='{value}']")),
            "checkbox" => self.click(css),
            _ => self.write(css, value),
        }
    }

    /// Opens what is folded around an element.
    pub fn unfold(&self, css: &str) {
        let open = "for (let one = document.querySelector(arguments[0]); one; one = one.parentElement)
            if (one.tagName === 'DETAILS') one.open = true;";
        self.script(open, vec![css.into()]);
    }

    /// Chooses a file, as in the window of the system.
    pub fn choose_file(&self, css: &str, path: &std::path::Path) {
        let path = path.to_str().unwrap();
        self.with(css, "choosing a file in", |element| self.run(element.send_keys(path)));
    }

    /// Drops a file onto an element, as from the desktop.
    pub fn drop_file(&self, css: &str, path: &std::path::Path) {
        let bytes = base64::engine::general_purpose::STANDARD.encode(std::fs::read(path).unwrap());
        let name = path.file_name().unwrap().to_str().unwrap();
        let drop = "const bytes = Uint8Array.from(atob(arguments[1]), (one) => one.charCodeAt(0));
            const dataTransfer = new DataTransfer();
            dataTransfer.items.add(new File([bytes], arguments[2]));
            const target = document.querySelector(arguments[0]);
            for (const kind of ['dragenter', 'dragover', 'drop'])
                target.dispatchEvent(new DragEvent(kind, {bubbles: true, cancelable: true, dataTransfer}));";
        self.script(drop, vec![css.into(), bytes.into(), name.into()]);
    }

    /// Keys where the focus is, as a scanner types them.
    pub fn keys(&self, text: &str) {
        let keys = text.chars().fold(KeyActions::new("keys".into()), |keys, value| {
            keys.then(KeyAction::Down { value }).then(KeyAction::Up { value })
        });
        self.run(self.client().perform_actions(keys)).unwrap();
    }

    pub fn focus(&self, css: &str) {
        self.wait_for(css);
        self.script("document.querySelector(arguments[0]).focus()", vec![css.into()]);
    }

    /// Finger, mouse or key goes down on an element, and then does this; the driver takes no time in between.
    fn press(&self, element: Element, by: By, then: Then) -> Result<(), CmdError> {
        let to = PointerAction::MoveToElement { element, duration: None, x: 0.0, y: 0.0 };
        let down = PointerAction::Down { button: MOUSE_BUTTON_LEFT };
        let after = match then {
            Then::Stay => None,
            Then::Up => Some(PointerAction::Up { button: MOUSE_BUTTON_LEFT }),
            Then::Away => Some(PointerAction::MoveTo { duration: None, x: 2.0, y: 2.0 }),
        };
        let actions: Actions = match by {
            By::Mouse => {
                let mouse = MouseActions::new("mouse".into()).then(to).then(down);
                after.into_iter().fold(mouse, InputSource::then).into()
            }
            By::Finger => {
                let finger = TouchActions::new("finger".into()).then(to).then(down);
                after.into_iter().fold(finger, InputSource::then).into()
            }
            By::Key(value) => {
                let keys = KeyActions::new("keys".into()).then(KeyAction::Down { value });
                if then == Then::Up { keys.then(KeyAction::Up { value }).into() } else { keys.into() }
            }
        };
        self.run(self.client().perform_actions(actions))
    }

    fn press_on(&self, css: &str, by: By, then: Then) {
        self.wait_for(css);
        self.show(css);
        if matches!(by, By::Key(_)) {
            self.focus(css);
        }
        self.with(css, "a press on", |element| self.press(element.clone(), by, then));
    }

    /// Presses a button and lets go only when `look` has seen what was wanted.
    pub fn hold<T>(&self, css: &str, by: By, what: &str, look: impl FnMut() -> Option<T>) -> T {
        self.press_on(css, by, Then::Stay);
        let seen = until(what, look);
        self.let_go();
        seen
    }

    /// Down on a button and away from it, and still down.
    pub fn slide_off(&self, css: &str, by: By) {
        self.press_on(css, by, Then::Away);
    }

    /// What two fingers do, one step after the other; the driver takes no time in between. From call to call it
    /// forgets one finger over the other, so that all they do before they are let go is told at once.
    pub fn fingers(&self, steps: &[(Finger, Touch<'_>)]) {
        until_told(&format!("{steps:?} on {}", self.place()), || {
            let (mut first, mut second) =
                (TouchActions::new("first".into()), TouchActions::new("second".into()));
            for (finger, touch) in steps {
                for action in self.actions(*touch)? {
                    let rest = PointerAction::Pause { duration: Duration::ZERO };
                    (first, second) = match finger {
                        Finger::First => (first.then(action), second.then(rest)),
                        Finger::Second => (first.then(rest), second.then(action)),
                    };
                }
            }
            let both = Actions::from(first).and(second);
            self.run(self.client().perform_actions(both)).map_err(|error| error.to_string())
        });
    }

    fn actions(&self, touch: Touch<'_>) -> Result<Vec<PointerAction>, String> {
        Ok(match touch {
            Touch::On(css) => {
                let element = self.find(css).ok_or_else(|| format!("{css} is not there"))?;
                let to = PointerAction::MoveToElement { element, duration: None, x: 0.0, y: 0.0 };
                vec![to, PointerAction::Down { button: MOUSE_BUTTON_LEFT }]
            }
            Touch::Slide => vec![PointerAction::MoveBy { duration: None, x: 30.0, y: 10.0 }],
            Touch::Lift => vec![PointerAction::Up { button: MOUSE_BUTTON_LEFT }],
        })
    }

    pub fn let_go(&self) {
        self.run(self.client().release_actions()).unwrap();
    }

    /// Down and up again, as short as it can be.
    pub fn press_shortly(&self, css: &str, by: By) {
        self.press_on(css, by, Then::Up);
    }

    /// As a person signs in: on the page.
    pub fn sign_in(&self, (name, password): (&str, &str)) {
        self.go("/sign-in");
        self.sign_in_here((name, password));
    }

    /// The same on the page that is shown, wherever it leads from there.
    pub fn sign_in_here(&self, (name, password): (&str, &str)) {
        self.write("main input[name=name]", name);
        self.write("main input[name=password]", password);
        self.click("form[action='/do/sign-in'] button");
        until("somebody who is signed in", || (!self.place().contains("sign-in")).then_some(()));
    }
}

/// Writes a picture below `target/screenshots`.
fn keep(name: &str, picture: &[u8]) {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(format!("target/screenshots/{name}.png"));
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, picture).unwrap();
}

impl Drop for Browser {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let shown = self.client.as_ref().map(|client| self.runtime.block_on(client.screenshot()));
            if let Some(Ok(picture)) = shown {
                let name = std::thread::current().name().unwrap_or("test").replace("::", "-");
                keep(&format!("failed/{name}"), &picture);
            }
        }
        let group = parent_of(self.pid);
        if let Some(client) = self.client.take() {
            let closing = async { tokio::time::timeout(Duration::from_secs(20), client.close()).await };
            let _ = self.runtime.block_on(closing);
        }
        // The driver leads its group. Where it has ended, so has what it started.
        if let Some(group) = group.filter(|group| *group > 1 && self.driver.ended().is_none()) {
            let _ = killpg(Pid::from_raw(group), Signal::SIGKILL);
        }
    }
}

/// The fields of `/proc/PID/stat` behind the name: state, parent, …
fn stat(pid: i32) -> Option<Vec<String>> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    Some(text.rsplit_once(") ")?.1.split_whitespace().map(str::to_owned).collect())
}

fn parent_of(pid: i32) -> Option<i32> {
    stat(pid)?.get(1)?.parse().ok()
}

/// CPU time of a process and of all its children so far, in seconds.
pub fn cpu_of_tree(root: i32) -> f64 {
    let mut all = Vec::new();
    for entry in std::fs::read_dir("/proc").unwrap().flatten() {
        let name = entry.file_name();
        let Some(pid) = name.to_str().and_then(|name| name.parse::<i32>().ok()) else { continue };
        let Some(fields) = stat(pid) else { continue };
        let number = |at: usize| fields.get(at).and_then(|field| field.parse::<f64>().ok()).unwrap_or(0.0);
        let parent: i32 = fields.get(1).and_then(|field| field.parse().ok()).unwrap_or(0);
        // Its own time, and that of children which have ended.
        all.push((pid, parent, (11..=14).map(number).sum::<f64>()));
    }
    let (mut tree, mut seen) = (vec![root], 0);
    while let Some(&parent) = tree.get(seen) {
        tree.extend(all.iter().filter(|one| one.1 == parent).map(|one| one.0));
        seen += 1;
    }
    // USER_HZ has been 100 on every Linux for decades.
    all.iter().filter(|one| tree.contains(&one.0)).map(|one| one.2).sum::<f64>() / 100.0
}
