//! What each layer does, as heights, speeds and times that have been held against the machine.

use super::profile::{AN_HOUR, Printer};
use crate::layer::{Layer, Peel};
use crate::timing::LayerTime;
use crate::units::{Micrometres, MicrometresPerSecond, Milliseconds};

/// One straight piece of a way along Z.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Leg {
    /// Above the plate's zero.
    pub to: Micrometres,
    pub speed: MicrometresPerSecond,
}

/// A way in one or two pieces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Legs {
    pub first: Leg,
    pub second: Option<Leg>,
}

impl Legs {
    pub fn iter(self) -> impl Iterator<Item = Leg> {
        std::iter::once(self.first).chain(self.second)
    }

    /// Where it ends.
    #[must_use]
    pub fn end(self) -> Micrometres {
        self.second.unwrap_or(self.first).to
    }

    /// How long each piece is, and how fast.
    fn ways(self, mut from: Micrometres) -> impl Iterator<Item = (Micrometres, MicrometresPerSecond)> {
        self.iter().map(move |leg| {
            let way = Micrometres(leg.to.0 - from.0);
            from = leg.to;
            (way, leg.speed)
        })
    }
}

/// One layer, in the order of its fields.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LayerPlan {
    /// The file wants a person before it.
    pub pause: bool,
    /// From where the plate comes down to it: the top of the lift before it.
    pub from: Micrometres,
    /// Down to `z`, as the layer before it has it.
    pub retract: Legs,
    /// Where the plate is while it is lit.
    pub z: Micrometres,
    pub rest_before_light: Milliseconds,
    /// Of 255.
    pub light: u8,
    pub exposure: Milliseconds,
    pub rest_before_lift: Milliseconds,
    pub lift: Legs,
    pub rest_after_lift: Milliseconds,
}

/// A print on one printer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    printer: Printer,
    layers: Vec<LayerPlan>,
    /// What the layers from this one on take; one more than layers.
    left: Vec<Milliseconds>,
}

/// Why a file cannot be printed here. Layers are counted from 0, and from 1 in the words, as people do.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    #[error("the file has no layer; slice the model again")]
    Empty,
    #[error("the file has {0} layers, more than can be counted; slice it with thicker ones")]
    TooMany(usize),
    #[error(
        "layer {n} is at {:.3} mm, and the plate goes from 0 to {:.3} mm; slice the model for this \
         printer",
        z.millimetres(), height.millimetres(), n = layer + 1)]
    OutOfReach { layer: usize, z: Micrometres, height: Micrometres },
    #[error(
        "layer {n} is at {:.3} mm, below the layer before it at {:.3} mm; slice the model again",
        z.millimetres(), before.millimetres(), n = layer + 1)]
    Descends { layer: usize, z: Micrometres, before: Micrometres },
    #[error(
        "layer {n} is lifted to {:.3} mm, and the plate goes up to {:.3} mm; print a lower part, or \
         lift it less",
        top.millimetres(), height.millimetres(), n = layer + 1)]
    LiftTooHigh { layer: usize, top: Micrometres, height: Micrometres },
    #[error(
        "layer {n} is lifted to {:.3} mm only, below or at the next layer at {:.3} mm: it would stay on \
         the film; give it a longer lift",
        top.millimetres(), next.millimetres(), n = layer + 1)]
    LiftTooLow { layer: usize, top: Micrometres, next: Micrometres },
    #[error("layer {n}: {what} is below zero; slice the model again", n = layer + 1)]
    Negative { layer: usize, what: &'static str },
    #[error(
        "layer {n}: neither the file nor the printer's profile says {what}; write it into the profile", n = layer + 1)]
    NotSaid { layer: usize, what: &'static str },
    #[error(
        "layer {n}: {what} of {} µm/s, and this printer goes at 1 to {} µm/s; slice the model with \
         another",
        speed.0, fastest.0, n = layer + 1)]
    Speed { layer: usize, what: &'static str, speed: MicrometresPerSecond, fastest: MicrometresPerSecond },
    #[error("layer {n}: {what} of {} s; nothing rests longer than an hour", rest.seconds(), n = layer + 1)]
    RestTooLong { layer: usize, what: &'static str, rest: Milliseconds },
    #[error(
        "layer {n} is to be lit {} s, and this printer's longest is {} s; slice the model for the resin \
         that is in it, or correct longest_exposure",
        exposure.seconds(), longest.seconds(), n = layer + 1)]
    TooLong { layer: usize, exposure: Milliseconds, longest: Milliseconds },
    #[error("layer {n} is lit with no light; slice the model again", n = layer + 1)]
    Unlit { layer: usize },
    #[error(
        "layer {n} wants light {light} of 255, and light_on of the profile has no {{pwm}}; add it, or \
         slice the model for full light", n = layer + 1)]
    NotDimmed { layer: usize, light: u8 },
}

impl Plan {
    /// All layers of a file on this printer; the first mistake ends it.
    pub fn of(layers: &[Layer], printer: &Printer) -> Result<Self, PlanError> {
        if layers.is_empty() {
            return Err(PlanError::Empty);
        }
        if u32::try_from(layers.len()).is_err() {
            return Err(PlanError::TooMany(layers.len()));
        }
        let mut plans: Vec<LayerPlan> = Vec::with_capacity(layers.len());
        let mut before: Option<(Micrometres, Ways)> = None;
        for (index, layer) in layers.iter().enumerate() {
            let z = layer.top;
            if z.0 <= 0 || z > printer.height {
                return Err(PlanError::OutOfReach { layer: index, z, height: printer.height });
            }
            let ways = Ways::of(index, &layer.peel, printer)?;
            let top = Micrometres(z.0 + ways.lift.0 + ways.second_lift.0);
            if top > printer.height {
                return Err(PlanError::LiftTooHigh { layer: index, top, height: printer.height });
            }
            if top <= z {
                return Err(PlanError::LiftTooLow { layer: index, top, next: z });
            }
            let (from, down) = match &before {
                None => (top, &ways),
                Some(_) if z < plans[index - 1].z => {
                    return Err(PlanError::Descends { layer: index, z, before: plans[index - 1].z });
                }
                Some((from, _)) if *from <= z => {
                    return Err(PlanError::LiftTooLow { layer: index - 1, top: *from, next: z });
                }
                Some((from, ways)) => (*from, ways),
            };
            let mut rest_before_light = ways.rest_before_light;
            if index == 0 {
                rest_before_light = rest_before_light.max(printer.first_layer_rest);
            }
            plans.push(LayerPlan {
                pause: layer.pause,
                from,
                retract: down.retract(from, z),
                z,
                rest_before_light,
                light: light(index, layer, printer)?,
                exposure: exposure(index, layer, printer)?,
                rest_before_lift: ways.rest_before_lift,
                lift: ways.lift(z),
                rest_after_lift: ways.rest_after_lift,
            });
            before = Some((top, ways));
        }
        let mut left = vec![Milliseconds(0); plans.len() + 1];
        for (index, plan) in plans.iter().enumerate().rev() {
            left[index] = Milliseconds(left[index + 1].0 + takes(plan, printer).0);
        }
        Ok(Self { printer: printer.clone(), layers: plans, left })
    }

    #[must_use]
    pub fn printer(&self) -> &Printer {
        &self.printer
    }

    #[must_use]
    pub fn layers(&self) -> &[LayerPlan] {
        &self.layers
    }

    /// What one layer takes, without acceleration and the wire; `None` where there is no such layer.
    #[must_use]
    pub fn layer_takes(&self, layer: usize) -> Option<Milliseconds> {
        Some(takes(self.layers.get(layer)?, &self.printer))
    }

    /// What all layers take together, without homing and the raise at the end.
    #[must_use]
    pub fn takes(&self) -> Milliseconds {
        self.left_from(0)
    }

    /// What the layers from this one on take.
    #[must_use]
    pub fn left_from(&self, layer: usize) -> Milliseconds {
        self.left.get(layer).copied().unwrap_or_default()
    }
}

fn takes(plan: &LayerPlan, printer: &Printer) -> Milliseconds {
    let ways = plan.retract.ways(plan.from).chain(plan.lift.ways(plan.z));
    let LayerPlan { rest_before_light, rest_before_lift, rest_after_lift, .. } = *plan;
    let rests = [rest_before_light, rest_before_lift, rest_after_lift, printer.display.settles_in];
    LayerTime::of(plan.exposure, ways, rests.into_iter()).whole()
}

fn exposure(index: usize, layer: &Layer, printer: &Printer) -> Result<Milliseconds, PlanError> {
    let exposure = match (layer.exposure, printer.exposure) {
        (Milliseconds(0), None) => {
            return Err(PlanError::NotSaid { layer: index, what: "how long it is lit (exposure)" });
        }
        (Milliseconds(0), Some(normal)) => {
            let bottom = printer.bottom.exposure.unwrap_or(normal);
            let value = Share::of(index, printer).between(bottom.0.into(), normal.0.into());
            Milliseconds(u64::try_from(value).unwrap_or(normal.0))
        }
        (exposure, _) => exposure,
    };
    let longest = printer.longest_exposure;
    if exposure > longest {
        return Err(PlanError::TooLong { layer: index, exposure, longest });
    }
    Ok(exposure)
}

fn light(index: usize, layer: &Layer, printer: &Printer) -> Result<u8, PlanError> {
    match layer.light {
        Some(0) => Err(PlanError::Unlit { layer: index }),
        Some(light) if light < u8::MAX && !printer.light_on.iter().any(|line| line.contains("{pwm}")) => {
            Err(PlanError::NotDimmed { layer: index, light })
        }
        light => Ok(light.unwrap_or(u8::MAX)),
    }
}

/// How much of a layer is a bottom layer: so many parts of so many.
#[derive(Clone, Copy, Debug)]
struct Share {
    of_bottom: i128,
    of_all: i128,
}

impl Share {
    fn of(index: usize, printer: &Printer) -> Self {
        let (layers, transition) = (i128::from(printer.bottom.layers), i128::from(printer.bottom.transition));
        let index = i128::try_from(index).unwrap_or(i128::MAX);
        // sla-fw's steps (facts C.2): the first layer behind the bottom is one step down, not none.
        let of_bottom = (layers + transition - index).clamp(0, transition + 1);
        Self { of_bottom, of_all: transition + 1 }
    }

    /// To the nearest.
    fn between(self, bottom: i128, normal: i128) -> i128 {
        normal + (2 * (bottom - normal) * self.of_bottom + self.of_all).div_euclid(2 * self.of_all)
    }

    /// What the file says, else what the profile has for such a layer.
    fn choose(self, said: Option<i128>, bottom: Option<i128>, normal: Option<i128>) -> Option<i128> {
        said.or_else(|| match (bottom, normal) {
            (Some(bottom), Some(normal)) => Some(self.between(bottom, normal)),
            (Some(bottom), None) if self.of_bottom > 0 => Some(bottom),
            (_, normal) => normal,
        })
    }
}

/// A `Peel` with nothing left open.
#[derive(Clone, Copy, Debug)]
struct Ways {
    rest_before_lift: Milliseconds,
    lift: Micrometres,
    lift_speed: MicrometresPerSecond,
    second_lift: Micrometres,
    second_lift_speed: MicrometresPerSecond,
    rest_after_lift: Milliseconds,
    retract_speed: MicrometresPerSecond,
    second_retract: Micrometres,
    second_retract_speed: MicrometresPerSecond,
    rest_before_light: Milliseconds,
}

impl Ways {
    fn of(layer: usize, said: &Peel, printer: &Printer) -> Result<Self, PlanError> {
        let share = Share::of(layer, printer);
        let (bottom, normal) = (&printer.bottom.peel, &printer.peel);
        let length = |what, of: fn(&Peel) -> Option<Micrometres>| {
            let raw = |peel: &Peel| of(peel).map(|length| i128::from(length.0));
            let length = share.choose(raw(said), raw(bottom), raw(normal)).unwrap_or(0);
            match i64::try_from(length) {
                // Beyond the machine is an error of the caller's; here it only must not overflow.
                Ok(length) if length >= 0 => Ok(Micrometres(length.min(printer.height.0 + 1))),
                _ => Err(PlanError::Negative { layer, what }),
            }
        };
        let speed = |what, of: fn(&Peel) -> Option<MicrometresPerSecond>| {
            let raw = |peel: &Peel| of(peel).map(|speed| i128::from(speed.0));
            let speed = share.choose(raw(said), raw(bottom), raw(normal));
            let Some(speed) = speed.and_then(|speed| i64::try_from(speed).ok()).map(MicrometresPerSecond)
            else {
                return Err(PlanError::NotSaid { layer, what });
            };
            let fastest = printer.fastest;
            if speed.0 < 1 || speed > fastest {
                return Err(PlanError::Speed { layer, what, speed, fastest });
            }
            Ok(speed)
        };
        let rest = |what, of: fn(&Peel) -> Option<Milliseconds>| {
            let raw = |peel: &Peel| of(peel).map(|rest| i128::from(rest.0));
            let rest = share.choose(raw(said), raw(bottom), raw(normal)).unwrap_or(0);
            let rest = Milliseconds(u64::try_from(rest).unwrap_or(u64::MAX));
            if rest.0 > AN_HOUR { Err(PlanError::RestTooLong { layer, what, rest }) } else { Ok(rest) }
        };
        let lift_speed = speed("lift_speed", |peel| peel.lift_speed)?;
        let retract_speed = speed("retract_speed", |peel| peel.retract_speed)?;
        let second_lift = length("second_lift", |peel| peel.second_lift)?;
        let second_retract = length("second_retract", |peel| peel.second_retract)?;
        Ok(Self {
            rest_before_lift: rest("rest_before_lift", |peel| peel.rest_before_lift)?,
            lift: length("lift", |peel| peel.lift)?,
            lift_speed,
            second_lift,
            second_lift_speed: match second_lift {
                Micrometres(0) => lift_speed,
                _ => speed("second_lift_speed", |peel| peel.second_lift_speed)?,
            },
            rest_after_lift: rest("rest_after_lift", |peel| peel.rest_after_lift)?,
            retract_speed,
            second_retract,
            second_retract_speed: match second_retract {
                Micrometres(0) => retract_speed,
                _ => speed("second_retract_speed", |peel| peel.second_retract_speed)?,
            },
            rest_before_light: rest("rest_before_light", |peel| peel.rest_before_light)?,
        })
    }

    fn lift(&self, z: Micrometres) -> Legs {
        let middle = Leg { to: Micrometres(z.0 + self.lift.0), speed: self.lift_speed };
        let top = Leg { to: Micrometres(middle.to.0 + self.second_lift.0), speed: self.second_lift_speed };
        match (self.lift.0, self.second_lift.0) {
            (_, 0) => Legs { first: middle, second: None },
            (0, _) => Legs { first: top, second: None },
            _ => Legs { first: middle, second: Some(top) },
        }
    }

    /// Down to exactly `z`; all of it at the slower speed where its last piece is as long as the way.
    fn retract(&self, from: Micrometres, z: Micrometres) -> Legs {
        let middle = Leg { to: Micrometres(z.0 + self.second_retract.0), speed: self.retract_speed };
        let last = Leg { to: z, speed: self.second_retract_speed };
        match self.second_retract.0 {
            0 => Legs { first: middle, second: None },
            _ if middle.to >= from => Legs { first: last, second: None },
            _ => Legs { first: middle, second: Some(last) },
        }
    }
}
