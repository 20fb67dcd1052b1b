//! What is said of layers, prints and models that one looks at.

use super::texts;

texts! {
    JOB = "Job {job}" | "Auftrag {job}";
    LAYER_OF = "Layer {n} of {of}" | "Schicht {n} von {of}";
    LAYER_AT = "Layer {n} of {of}, at {z} mm" | "Schicht {n} von {of}, bei {z} mm";
    FROM_ABOVE = "Layer {n} from above" | "Schicht {n} von oben";
    DRAWN = "drawn: layer {n}" | "gezeichnet: Schicht {n}";
    THE_PRINT = "The print" | "Der Druck";
    THE_MODEL = "The model" | "Das Modell";
    LOOK_AT_IT = "Look at it" | "Ansehen";
    PRINT_SIDES = "The print from the front, from the right and from above" | "Der Druck von vorn, von rechts und von oben";
    SLICERS = "As its slicer shows it" | "Wie sein Slicer ihn zeigt";
    MODEL_SIDES = "The model from the front, from the right and from above" | "Das Modell von vorn, von rechts und von oben";
    SOON = "What is not drawn yet will be in a moment; this page then shows it." | "Was noch nicht gezeichnet ist, kommt gleich; diese Seite zeigt es dann.";
    BEING_READ = "Its file is being read." | "Die Datei wird gelesen.";
    NO_LAYERS = "No layers: {why}." | "Keine Schichten: {why}.";
    NONE = "Its file has no layers." | "Die Datei hat keine Schichten.";
    LAYERS = "Layers" | "Schichten";
    LAYER = "Layer" | "Schicht";
    LAYER_N = "Layer {n}" | "Schicht {n}";
    PIXELS = "Pixels" | "Pixel";
    NOW = "Layer {n} is printed now" | "Schicht {n} wird jetzt gedruckt";
    AS_SVG = "As SVG" | "Als SVG";
    PIECES = "{n} pieces" | "{n} Stück";
}
