//! What the pages of this room say: farm.

use super::texts;

texts! {
    TITLE = "Farm" | "Farm";
    COUNT_WORK = "{n} at work" | "{n} bei der Arbeit";
    COUNT_WANT = "{n} want you" | "{n} brauchen Sie";
    COUNT_FREE = "{n} free" | "{n} frei";
    COUNT_AWAY = "{n} not connected" | "{n} nicht verbunden";
    SINCE = "Since {time}" | "Seit {time}";
    SINCE_NONE = "Nothing has ended since then." | "Seither ist nichts zu Ende gegangen.";
    PRINTED = "{n} printed" | "{n} gedruckt";
    NOT_PRINTED = "{n} not printed" | "{n} nicht gedruckt";
    WHAT_FAILED = "What was not printed, and why" | "Was nicht gedruckt wurde, und warum";
    LATE = "{n} late" | "{n} verspätet";
    LATE_BY = "late by {time}" | "{time} zu spät";
    DUE = "due {time}" | "fällig {time}";
    HANDS = "What needs hands" | "Was Handgriffe braucht";
    PRINTERS = "Printers" | "Drucker";
    NO_PRINTER = "No printer is configured." | "Es ist kein Drucker eingerichtet.";
    PART_OF = "{case} part {part}" | "{case} Teil {part}";
    LAYER = "layer {n} of {of}" | "Schicht {n} von {of}";
    LEFT = "{time} left" | "noch {time}";
    ENDS = "ends {time}" | "endet {time}";
    ENDS_UNKNOWN = "end not known yet" | "Ende noch nicht bekannt";
    PIECES = "{n} pieces" | "{n} Stücke";
    PROGRESS_OF = "Progress of {printer}" | "Fortschritt von {printer}";
    HOTEND = "Hotend" | "Düse";
    BED = "Bed" | "Bett";
    CHAMBER = "Chamber" | "Kammer";
    OF_DEGREES = "of {n} °C" | "von {n} °C";
    DEGREES = "°C" | "°C";
    OFF = "°C, off" | "°C, aus";
    HEAT_OLD = "Temperatures of {age} ago; what they are now is not known" | "Temperaturen von vor {age}; wie sie jetzt sind, ist nicht bekannt";
    NO_HEAT = "No temperatures yet" | "Noch keine Temperaturen";
    BED_CLEAR = "Bed clear" | "Bett leer";
    ON_BED = "On the bed: {what}" | "Auf dem Bett: {what}";
    ON_BED_JOB = "the part of job {job}" | "das Teil von Auftrag {job}";
    CLEAR_BED = "The bed is clear" | "Das Bett ist leer";
    LOCKED = "Locked: {why}, {time}. Look at the printer before it is used again." | "Gesperrt: {why}, {time}. Den Drucker ansehen, bevor er wieder benutzt wird.";
    USE_AGAIN = "It may be used again" | "Er darf wieder benutzt werden";
    QUARANTINE = "Quarantine: {why}, {time}. Plug its own board in, or say that this is it." | "Quarantäne: {why}, {time}. Die eigene Platine anstecken, oder sagen, dass es diese ist.";
    OWN_BOARD = "This is its own board" | "Das ist seine eigene Platine";
    ASKS = "The printer asks:" | "Der Drucker fragt:";
    PANEL_ONLY = "Only its panel can answer: press the button at the printer" | "Nur am Gerät zu beantworten: dort den Knopf drücken";
    FILE_SAYS = "The file says:" | "Die Datei sagt:";
    BOTH_OFF = "Nozzle and bed go off in {n} min" | "Düse und Bett gehen in {n} min aus";
    NOZZLE_OFF = "The nozzle goes off in {n} min" | "Die Düse geht in {n} min aus";
    BED_OFF = "The bed goes off in {n} min" | "Das Bett geht in {n} min aus";
    PAUSE = "Pause" | "Pause";
    RESUME = "Resume" | "Fortsetzen";
    CANCEL_JOB = "Cancel the job" | "Auftrag abbrechen";
    PAUSE_OR_CANCEL = "Pause or cancel" | "Pause oder Abbruch";
    LINE_GOOD = "Line good" | "Leitung gut";
    LINE_USED = "Line good, {n} % used" | "Leitung gut, {n} % genutzt";
    LINE_RESENDS = "Line: {n} resent" | "Leitung: {n} wiederholt";
    LINE_AILS = "The line ails: {why}" | "Die Leitung hat Mühe: {why}";
}
