//! The JSON of commissioning: ports, who is on one, sections of the configuration, test prints.
//!
//! Words of a board's are what it says: bounded and printable, and never a state.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::super::given::Example;
use crate::config::{Chosen, Known, Mistake};
use crate::domain::printer::Reading;
use crate::protocol::report::TemperatureReport;
use crate::services::commissioning::PortFound;

/// What the USB adapter or board behind a port says of itself.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct UsbView {
    /// Four hexadecimal digits.
    pub vendor: String,
    pub product: String,
    pub maker: Option<String>,
    pub called: Option<String>,
    pub serial: Option<String>,
    pub socket: String,
}

#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct PortView {
    /// The name to write into the configuration.
    pub path: String,
    /// The kernel's name.
    pub device: String,
    /// All names, those that stay first.
    pub names: Vec<String>,
    /// `path` leads to the same socket or adapter after the next start of the machine.
    pub stays: bool,
    /// Absent where it is none of USB.
    pub usb: Option<UsbView>,
    /// Whose it is by the configuration, or who has it open.
    pub printer: Option<String>,
    pub open: bool,
    pub may_be_probed: bool,
    pub words: String,
}

/// A port of the configuration that is not there.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct MissingPortView {
    pub printer: String,
    pub path: String,
    pub words: String,
}

#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct PortsView {
    pub ports: Vec<PortView>,
    pub missing: Vec<MissingPortView>,
    /// What to do next.
    pub help: String,
}

fn shown(path: &std::path::Path) -> String {
    path.to_string_lossy().into_owned()
}

impl From<PortFound> for PortView {
    fn from(found: PortFound) -> Self {
        let path = shown(&found.path);
        let words = match (&found.printer, found.open) {
            (Some(printer), true) => format!("printer {printer} has it open"),
            (Some(printer), false) => format!("it is printer {printer}'s by the configuration"),
            (None, _) if found.stays => "it is nobody's".to_owned(),
            (None, _) => {
                format!("it is nobody's; {path} may be another printer's after the next start of the machine")
            }
        };
        let (maker, called) = (found.maker, found.called);
        let usb = found.usb.map(|usb| {
            let (vendor, product) = usb.kind.split_once(':').unwrap_or((&usb.kind, ""));
            UsbView {
                vendor: vendor.to_owned(),
                product: product.to_owned(),
                maker,
                called,
                serial: usb.serial.clone(),
                socket: usb.socket.clone(),
            }
        });
        Self {
            device: shown(&found.device),
            names: found.names.iter().map(|name| shown(name)).collect(),
            stays: found.stays,
            usb,
            may_be_probed: found.printer.is_none(),
            printer: found.printer.map(|printer| printer.to_string()),
            open: found.open,
            words,
            path,
        }
    }
}

#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ProbeOrder {
    /// The path of a serial port that is nobody's.
    #[schema(example = "/dev/serial/by-id/usb-1a86_USB_Serial-if00-port0")]
    pub port: String,
    /// The only speed to try; the usual ones where absent.
    #[serde(default)]
    pub baud: Option<u32>,
    /// Measure how much the board holds, too: up to a minute.
    #[serde(default)]
    pub measure: bool,
}

impl Example for ProbeOrder {
    const EXAMPLE: &'static str = r#"{"port": "/dev/serial/by-id/usb-1a86_USB_Serial-if00-port0"}"#;
}

#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct TriedView {
    pub baud: u32,
    /// As `outcome` of the whole.
    pub outcome: String,
    pub words: String,
}

#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct CapabilityView {
    pub name: String,
    pub able: bool,
}

#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct WarmthView {
    pub actual: f64,
    /// 0 where it is off.
    pub target: Option<f64>,
}

#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct WarmthsView {
    pub hotend: Option<WarmthView>,
    pub bed: Option<WarmthView>,
    pub chamber: Option<WarmthView>,
}

impl From<TemperatureReport> for WarmthsView {
    fn from(report: TemperatureReport) -> Self {
        let view = |reading: Option<Reading>| {
            reading.map(|Reading { actual, target }| WarmthView {
                actual: actual.0,
                target: target.map(|target| target.0),
            })
        };
        Self { hotend: view(report.hotend), bed: view(report.bed), chamber: view(report.chamber) }
    }
}

/// What the board says of itself.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct ProbedBoardView {
    pub firmware: Option<String>,
    pub machine: Option<String>,
    pub uuid: Option<String>,
    /// What platen takes it for; `unknown` where it does not know it.
    pub dialect: String,
    pub capabilities: Vec<CapabilityView>,
    pub advanced_ok: bool,
    /// Whether it watches its heaters, where it says so.
    pub thermal_protection: Option<bool>,
    pub temperatures: Option<WarmthsView>,
}

/// How much the board can be sent ahead, in the words of the configuration.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct WindowView {
    /// `safe` (not measured: what every board holds), `measured`, `never_full`, `not_measured`.
    pub outcome: String,
    pub rx_buffer: usize,
    pub command_buffer: usize,
    pub words: String,
}

#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct ProbeView {
    pub port: String,
    /// `identified`, `nameless`, `no_answer`, `garbage`, `other_words`, `halted`, `vanished`, `denied`, `taken`,
    /// `missing`, `not_opened`.
    pub outcome: String,
    pub words: String,
    pub help: String,
    /// At which it answered.
    pub baud: Option<u32>,
    pub tried: Vec<TriedView>,
    pub board: Option<ProbedBoardView>,
    pub window: Option<WindowView>,
}

/// The same keys go in, come out, and are chosen.
macro_rules! section {
    ($($key:ident: $kind:tt,)*) => {
        /// A printer's section, key by key, as config/platen.toml explains them; what is left out has its default.
        #[derive(Clone, Debug, Deserialize, ToSchema)]
        #[serde(deny_unknown_fields)]
        pub struct NewSection {
            #[schema(example = "mk3-07")]
            pub name: String,
            pub port: String,
            pub baud: i64,
            $(#[serde(default)] pub $key: Option<$kind>,)*
        }

        /// The keys of a section that are known of a kind of printer; what is not known is left out.
        #[derive(Clone, Debug, Default, Serialize, ToSchema)]
        pub struct SectionSettings {
            #[serde(skip_serializing_if = "Option::is_none")]
            pub baud: Option<i64>,
            $(#[serde(skip_serializing_if = "Option::is_none")] pub $key: Option<$kind>,)*
        }

        impl From<NewSection> for Chosen {
            fn from(new: NewSection) -> Self {
                Self { name: new.name, port: new.port, baud: new.baud, $($key: new.$key,)* }
            }
        }

        impl From<Chosen> for SectionSettings {
            fn from(chosen: Chosen) -> Self {
                Self { baud: Some(chosen.baud), $($key: chosen.$key,)* }
            }
        }
    };
}

section! {
    model: String,
    kind: String,
    firmware: String,
    rx_buffer: i64,
    command_buffer: i64,
    hotend_max: i64,
    bed_max: i64,
    chamber_max: i64,
    build_x: [i64; 2],
    build_y: [i64; 2],
    build_height: i64,
    beside_plate: i64,
    nozzle: f64,
    filament: f64,
    arcs: bool,
    longest_job_h: i64,
    unattended: bool,
    fixed_plug: bool,
    console: String,
}

impl Example for NewSection {
    const EXAMPLE: &'static str = r#"{"name": "mk3-07", "port": "/dev/serial/by-id/usb-1a86_USB_Serial-if00-port0", "baud": 115200, "build_x": [0, 250]}"#;
}

#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct ProfileView {
    /// As `model` has it; empty where the printer it is taken from has none.
    pub model: String,
    pub called: String,
    /// `platen`, or `configuration`: as a printer that is there already.
    pub source: String,
    pub settings: SectionSettings,
}

impl ProfileView {
    pub fn of(known: Known, source: &str) -> Self {
        let Known { model, called, settings } = known;
        Self { model, called, source: source.to_owned(), settings: settings.into() }
    }
}

#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct MistakeView {
    /// Of the section; absent where something is missing, or stands elsewhere in the configuration.
    pub line: Option<usize>,
    pub key: String,
    pub value: Option<String>,
    pub reason: String,
    pub instead: String,
}

impl From<Mistake> for MistakeView {
    fn from(mistake: Mistake) -> Self {
        let Mistake { line, key, value, reason, instead } = mistake;
        Self { line, key, value, reason, instead }
    }
}

#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct SectionView {
    /// The text to put behind the configuration.
    pub section: String,
    /// It may be put there: the configuration with it has no mistake.
    pub good: bool,
    pub mistakes: Vec<MistakeView>,
    /// What is not wrong, and could be better.
    pub hints: Vec<String>,
    /// The file of the configuration, where there is one.
    pub file: Option<String>,
}

#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct SavedView {
    pub section: String,
    pub good: bool,
    pub mistakes: Vec<MistakeView>,
    pub hints: Vec<String>,
    pub file: Option<String>,
    /// It is in the file, and on the disk. If not, `words` says why; the section is to be put there by hand.
    pub saved: bool,
    pub words: String,
    /// Where the text is kept that was there before.
    pub kept: Option<String>,
}

#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TestPrintOrder {
    pub printer: String,
    /// What is in it; that of the lot that is loaded where absent, else PLA.
    #[serde(default)]
    pub material: Option<String>,
    /// Who asks; who is signed in leaves it out.
    #[serde(default)]
    #[schema(example = "kim")]
    pub by: Option<String>,
}

impl Example for TestPrintOrder {
    const EXAMPLE: &'static str = r#"{"printer": "mk3-07", "material": "PLA", "by": "kim"}"#;
}

#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct TestPrintView {
    pub job: String,
    pub case: String,
    pub part: u16,
    pub file: String,
    pub material: String,
    /// °C.
    pub hotend: u16,
    pub bed: u16,
    pub layers: u32,
    pub filament_mm: f64,
    pub words: String,
}
