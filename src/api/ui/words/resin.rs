//! What pages say of resin printers: vat, display, film, and the look before a start.

use super::texts;

texts! {
    CARD = "Vat, display, film" | "Wanne, Display, Folie";
    VAT = "Vat" | "Wanne";
    VAT_EMPTY = "No resin is noted in the vat. Fill it, and scan its lot." | "In der Wanne ist kein Harz vermerkt. Sie füllen und die Charge scannen.";
    HOLDS = "It holds {holds} ml, and {keeps} ml stay in it." | "Sie fasst {holds} ml, und {keeps} ml bleiben darin.";
    LEFT = "{left} of {holds} ml left" | "noch {left} von {holds} ml";
    LEFT_ML = "{n} ml in the vat" | "{n} ml in der Wanne";
    GIVES = "A print may take {n} ml of it. No sensor says so: it is what was poured in or measured, less what prints should have taken." | "Ein Druck darf {n} ml davon nehmen. Kein Sensor sagt das: es ist, was eingefüllt oder gemessen wurde, weniger dem, was Drucke genommen haben sollten.";
    LOTS = "Lots in it" | "Chargen darin";
    POURED = "{n} ml poured in" | "{n} ml eingefüllt";
    SINCE = "In the vat" | "In der Wanne";
    SINCE_DAYS = "{time}, {n} days" | "{time}, {n} Tage";
    SINCE_DAYS_OF = "{time}, {n} of {may} days" | "{time}, {n} von {may} Tagen";
    TOO_OLD = "It is in the vat for longer than it may be: empty the vat." | "Es ist länger in der Wanne, als es darf: die Wanne leeren.";
    MEASURED = "Measured" | "Gemessen";
    STIRRED = "Stirred" | "Gerührt";
    FILTERED = "Filtered" | "Gefiltert";
    NOT_YET = "not since it was filled" | "nicht seit dem Füllen";
    DEBRIS = "Job {job} did not come to its end, and pieces of it may lie in the vat: filter the resin, or empty the vat." | "Auftrag {job} kam nicht zu Ende, und Stücke davon können in der Wanne liegen: das Harz filtern oder die Wanne leeren.";

    DISPLAY = "Display" | "Display";
    DISPLAY_HOURS = "{n} hours of light" | "{n} Stunden Licht";
    DISPLAY_HOURS_OF = "{n} of {life} hours of light" | "{n} von {life} Stunden Licht";
    FILM = "Film" | "Folie";
    FILM_LAYERS = "{n} layers" | "{n} Schichten";
    FILM_LAYERS_OF = "{n} of {life} layers" | "{n} von {life} Schichten";
    SINCE_NEW = "since {time}" | "seit {time}";
    AT_MOST = "at most: platen ended during a print, and counts what can have been" | "höchstens: platen endete während eines Drucks und zählt, was gewesen sein kann";
    UNJUDGED = "nobody says how long it lasts" | "niemand sagt, wie lange das hält";
    GOOD = "good" | "gut";
    WORN = "worn: have the next one at hand" | "verschlissen: Ersatz bereithalten";
    OVERDUE = "past its life: replace it" | "über der Lebensdauer: ersetzen";

    CHECKLIST = "Look before the start" | "Vor dem Start nachsehen";
    NO_CHECKLIST = "This printer asks for no look before a start." | "Dieser Drucker verlangt vor dem Start kein Nachsehen.";
    CHECKLIST_DONE = "{by} has looked, {time}. It is for one start, within twelve hours." | "{by} hat nachgesehen, {time}. Es gilt für einen Start, zwölf Stunden lang.";
    CHECKLIST_HOW = "Nothing begins here before somebody has looked at each of these." | "Hier beginnt nichts, bevor jemand jedes davon angesehen hat.";
    CHECKLIST_SEND = "All of it is so" | "Alles ist so";
    CHECKLIST_SAID = "It is noted; a print may begin." | "Vermerkt; ein Druck darf beginnen.";
    CHECKLIST_BUSY = "A print runs here. The look is for the next one, when its part is off the plate." | "Hier läuft ein Druck. Nachgesehen wird für den nächsten, wenn sein Teil von der Platte ist.";
    CHECKLIST_BED = "A part is on the plate. First take it off and say that the bed is clear." | "Ein Teil ist auf der Platte. Erst abnehmen und sagen, dass das Bett leer ist.";

    NEXT = "Resin for the next job" | "Harz für den nächsten Auftrag";
    NO_NEXT = "No job for resin waits for this printer." | "Kein Auftrag für Harz wartet auf diesen Drucker.";
    NEEDS = "It takes {n} ml in {layers} layers and {light} of light." | "Er nimmt {n} ml in {layers} Schichten und {light} Licht.";
    NEEDS_REFILLED = "It takes {n} ml in {layers} layers and {light} of light, {first} ml of it until it stops to be refilled; it stops {times} times." | "Er nimmt {n} ml in {layers} Schichten und {light} Licht, davon {first} ml, bis er zum Nachfüllen anhält; er hält {times}-mal an.";
    ENOUGH = "The vat has enough for that." | "Die Wanne hat dafür genug.";
    NOT_ENOUGH = "The vat does not have enough for that." | "Die Wanne hat dafür nicht genug.";
    WAITS_FOR = "What it waits for here:" | "Worauf er hier wartet:";
    RUNS = "Layer {n} of {of}" | "Schicht {n} von {of}";
    LEFT_AT_END = "{n} ml should be left at its end." | "Am Ende sollten noch {n} ml da sein.";
    NOT_TO_END = "What is in the vat is not enough to its end; it stops where it is to be refilled, or top it up in a pause." | "Was in der Wanne ist, reicht nicht bis zum Ende; er hält an, wo nachzufüllen ist, oder in einer Pause nachfüllen.";

    FILL = "Fill the vat" | "Wanne füllen";
    FILL_DONE = "The vat is filled." | "Die Wanne ist gefüllt.";
    TOP_UP = "Top it up" | "Nachfüllen";
    TOP_UP_DONE = "It is topped up." | "Nachgefüllt.";
    LOT = "Lot" | "Charge";
    LOT_HINT = "Scan the label of the bottle, or choose one." | "Das Etikett der Flasche scannen oder eine wählen.";
    POURED_ML = "Poured in, ml" | "Eingefüllt, ml";
    MEASURE = "Note how much is left" | "Vermerken, wie viel da ist";
    MEASURED_ML = "In the vat, ml" | "In der Wanne, ml";
    MEASURE_DONE = "It is noted." | "Vermerkt.";
    STIR = "It is stirred" | "Ist gerührt";
    STIR_DONE = "It is noted as stirred." | "Als gerührt vermerkt.";
    FILTER = "It is filtered" | "Ist gefiltert";
    FILTER_SURE = "Was it poured through a filter and back, and is nothing cured on the film?" | "Wurde es durch einen Filter und zurück gegossen, und liegt nichts Gehärtetes auf der Folie?";
    FILTER_DONE = "It is noted as filtered." | "Als gefiltert vermerkt.";
    EMPTY = "The vat is emptied" | "Wanne ist geleert";
    EMPTY_SURE = "Is the vat empty and clean?" | "Ist die Wanne leer und sauber?";
    EMPTY_DONE = "It is noted as empty." | "Als leer vermerkt.";
    EMPTY_TO = "Where its resin is" | "Wo das Harz ist";
    BOTTLED = "back in the bottle" | "zurück in der Flasche";
    DISCARDED = "waste" | "Abfall";
    NEW_DISPLAY = "The display was replaced" | "Das Display wurde ersetzt";
    NEW_DISPLAY_SEND = "Note another display" | "Anderes Display vermerken";
    NEW_DISPLAY_SURE = "Its hours of light are counted from there. Was the display replaced?" | "Seine Stunden Licht zählen von da an. Wurde das Display ersetzt?";
    NEW_DISPLAY_DONE = "Another display is noted." | "Ein anderes Display ist vermerkt.";
    HOURS_BEFORE = "Hours of light before; 0 where it is new" | "Stunden Licht davor; 0, wenn es neu ist";
    NEW_FILM = "The film was replaced" | "Die Folie wurde ersetzt";
    NEW_FILM_SEND = "Note another film" | "Andere Folie vermerken";
    NEW_FILM_SURE = "Its layers are counted from there. Was the film replaced?" | "Ihre Schichten zählen von da an. Wurde die Folie ersetzt?";
    NEW_FILM_DONE = "Another film is noted." | "Eine andere Folie ist vermerkt.";
    NEW_FILM_EMPTY = "Empty the vat first: the film is not replaced with resin on it." | "Erst die Wanne leeren: mit Harz darauf wird die Folie nicht ersetzt.";
    LAYERS_BEFORE = "Layers before; 0 where it is new" | "Schichten davor; 0, wenn sie neu ist";

    VAT_EMPTY_SHORT = "The vat is empty" | "Die Wanne ist leer";
    DISPLAY_WORN = "The display is worn" | "Das Display ist verschlissen";
    FILM_WORN = "The film is worn" | "Die Folie ist verschlissen";
    LOOK_FIRST = "Somebody looks at it before the next start" | "Vor dem nächsten Start sieht jemand nach";
    SECTION = "Resin printers" | "Harzdrucker";
    LOOK_FOR = "Look at it before the start: case {case}, part {part}" | "Vor dem Start nachsehen: Fall {case}, Teil {part}";
    REFILL_FOR = "Fill or top up the vat with {material}: case {case}, part {part} takes {n} ml" | "Wanne mit {material} füllen oder nachfüllen: Fall {case}, Teil {part} nimmt {n} ml";
    CHANGE_RESIN = "Another resin is wanted, {material}: case {case}, part {part}" | "Anderes Harz wird gebraucht, {material}: Fall {case}, Teil {part}";
    ANY_RESIN = "resin" | "Harz";
    FILTER_AFTER = "Filter the resin, or empty the vat: a print did not come to its end" | "Das Harz filtern oder die Wanne leeren: ein Druck kam nicht zu Ende";
    EMPTY_OLD = "Empty the vat: its resin is there for {n} days" | "Die Wanne leeren: ihr Harz ist seit {n} Tagen da";
    DISPLAY_DUE = "The display has had {n} of {life} hours of light: {todo}" | "Das Display hat {n} von {life} Stunden Licht hinter sich: {todo}";
    FILM_DUE = "The film has let go {n} of {life} layers: {todo}" | "Die Folie hat {n} von {life} Schichten gelöst: {todo}";
    REPLACE_IT = "replace it" | "ersetzen";
    NEXT_AT_HAND = "have the next one at hand" | "Ersatz bereithalten";
    TO_THE_VAT = "To the vat" | "Zur Wanne";
}
