//! What is known of all ports together: who has which device open, and what each printer's board has to be.
//!
//! Shared by the printers' tasks. Nothing here is asked between a stop and the wire.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::recorder::Recorder;
use crate::domain::identity::{Evidence, Neighbour, Recognition};
use crate::domain::ids::PrinterName;
use crate::domain::lab::Lab;
use crate::io::offload::offload;
use crate::io::usb::{Device, Usb};

/// What the operator says of a printer's port.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Plug {
    /// It never leaves its socket.
    pub fixed: bool,
}

/// The ports of this node.
#[derive(Debug, Default)]
pub struct Ports {
    usb: Usb,
    printers: BTreeMap<PrinterName, Plug>,
    open: Mutex<BTreeMap<Device, PrinterName>>,
}

/// A device that a printer's task has open; given back when dropped.
#[derive(Debug)]
pub struct Held {
    ports: Arc<Ports>,
    pub device: Device,
}

impl Drop for Held {
    fn drop(&mut self) {
        self.ports.opened().remove(&self.device);
    }
}

impl Ports {
    /// The printers are those of the configuration; what others left in the journal is nobody's neighbour.
    pub fn new(usb: Usb, printers: impl IntoIterator<Item = (PrinterName, Plug)>) -> Self {
        Self { usb, printers: printers.into_iter().collect(), open: Mutex::default() }
    }

    fn opened(&self) -> MutexGuard<'_, BTreeMap<Device, PrinterName>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The printer that has the device open.
    pub fn holder(&self, device: Device) -> Option<PrinterName> {
        self.opened().get(&device).cloned()
    }

    /// Takes the device for a printer; the other one, if it is another's.
    pub fn hold(self: &Arc<Self>, device: Device, printer: &PrinterName) -> Result<Held, PrinterName> {
        let mut open = self.opened();
        if let Some(other) = open.get(&device) {
            return Err(other.clone());
        }
        open.insert(device, printer.clone());
        Ok(Held { ports: Arc::clone(self), device })
    }

    /// What the board on a device that was just opened is compared with.
    pub async fn recognition(
        self: &Arc<Self>,
        recorder: &Recorder,
        printer: &PrinterName,
        device: Option<Device>,
    ) -> Recognition {
        let evidence = |lab: &Lab, name: &PrinterName| -> Option<Evidence> {
            Some(lab.printers.get(name)?.identity.as_ref()?.evidence.clone())
        };
        let (known, neighbours) = recorder.read(|lab| {
            let others = self.printers.keys().filter(|name| *name != printer).filter_map(|name| {
                let (evidence, rests) = (evidence(lab, name)?, lab.running_on(name).is_none());
                Some(Neighbour { name: name.clone(), evidence, rests, in_place: false })
            });
            (evidence(lab, printer), others.collect())
        });
        let fixed_plug = self.printers.get(printer).is_some_and(|plug| plug.fixed);
        let recognition = Recognition { usb: None, known, neighbours, fixed_plug };
        let (ports, given) = (Arc::clone(self), recognition.clone());
        // Where it cannot be read, nothing is known of USB: what was known then does not fit.
        offload(move || ports.looked_up(given, device)).await.unwrap_or(recognition)
    }

    /// With what sysfs tells. Blocks.
    fn looked_up(&self, mut recognition: Recognition, device: Option<Device>) -> Recognition {
        recognition.usb = device.and_then(|device| self.usb.port(device));
        for other in &mut recognition.neighbours {
            let plugging = other.evidence.usb.as_ref().and_then(|usb| usb.plugging.as_ref());
            other.in_place = plugging.is_some_and(|plugging| self.usb.is_still_in(plugging));
        }
        recognition
    }

    /// Where the adapter of a printer is now, for words to people. Blocks.
    pub fn elsewhere(&self, recorder: &Recorder, printer: &PrinterName) -> Option<String> {
        let usb = recorder.read(|lab| lab.printers.get(printer)?.identity.as_ref()?.evidence.usb.clone())?;
        self.usb.find(&usb)
    }
}
