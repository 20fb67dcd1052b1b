//! What the pages of this room say: lots by material, and one lot.

use super::texts;

texts! {
    TITLE = "Materials" | "Material";
    LOT = "Lot" | "Charge";
    LOT_ID = "Lot {lot}" | "Charge {lot}";
    LOTS_HERE = "{n} lots" | "{n} Chargen";
    LOT_HERE = "1 lot" | "1 Charge";
    USABLE = "{grams} g may be used" | "{grams} g verwendbar";

    NEEDS = "Needs something first" | "Braucht zuerst etwas";
    NEED_NOTHING = "No lot needs anything now." | "Keine Charge braucht gerade etwas.";
    TAKE_OFF = "Take it off {printers}: it may not be used" | "Von {printers} nehmen: sie darf nicht verwendet werden";
    NEED_RECALLED = "Recalled: see what was printed from it" | "Zurückgerufen: ansehen, was daraus gedruckt wurde";
    NEED_BLOCKED = "Blocked: unblock it, or note it as used up" | "Gesperrt: entsperren, oder als aufgebraucht vermerken";
    NEED_EXPIRED = "Expired on {day}: note it as used up" | "Abgelaufen am {day}: als aufgebraucht vermerken";
    NEED_EXPIRED_HELD = "Expired on {day}: block it, then note it as used up" | "Abgelaufen am {day}: sperren, dann als aufgebraucht vermerken";
    NEED_OPEN_LONG = "Open too long: it was to be used up by {day}" | "Zu lange offen: war bis {day} aufzubrauchen";
    NEED_CERTIFICATE = "Look at its certificate, then release it" | "Zertifikat ansehen, dann freigeben";
    NEED_EXPIRES = "Use it first: it expires on {day}" | "Zuerst verwenden: läuft am {day} ab";
    NEED_USE_UP = "Use it first: it is open, and good until {day}" | "Zuerst verwenden: sie ist offen und gut bis {day}";
    NEED_EMPTY = "Should be empty: weigh it, or note it as used up" | "Müsste leer sein: wiegen, oder als aufgebraucht vermerken";
    NEED_LOW = "Running low: have another lot at hand" | "Geht zur Neige: eine andere Charge bereithalten";

    MAKERS_NUMBER = "Maker's number" | "Nummer des Herstellers";
    STATE = "State" | "Zustand";
    LEFT = "Left" | "Übrig";
    LEFT_OF = "{left} of {whole} g left" | "{left} von {whole} g übrig";
    USE_BY = "Use by" | "Verwendbar bis";
    LOADED = "Loaded" | "Geladen";
    LOADED_AT = "{printer}, slot {slot}" | "{printer}, Platz {slot}";
    NOT_LOADED = "Not loaded" | "Nicht geladen";
    LABEL = "Label" | "Etikett";
    LABEL_OF = "Label of lot {lot}" | "Etikett der Charge {lot}";
    RECALLED_TOO = "recalled" | "zurückgerufen";

    FILTERS = "Which lots are shown" | "Welche Chargen gezeigt werden";
    FIND = "Find on this page: material, number or id" | "Auf dieser Seite finden: Material, Nummer oder Kennung";
    FOUND_NONE = "Nothing on this page is like that." | "Auf dieser Seite ist nichts dergleichen.";
    FOUND_SOME = "Lots that are like that: {n}." | "Chargen, auf die das zutrifft: {n}.";
    ALL_MATERIALS = "All materials" | "Jedes Material";
    ALL_HERE = "All that are not used up" | "Alle, die nicht aufgebraucht sind";
    ALL_STATES = "All, used up ones too" | "Alle, auch aufgebrauchte";
    NO_FILTER = "Show all" | "Alle zeigen";
    MORE = "{n} more are not shown: choose a material or a state." | "{n} weitere sind nicht gezeigt: bitte ein Material oder einen Zustand wählen.";

    RECEIVE = "Receive a lot" | "Charge annehmen";
    RECEIVE_NOW = "Receive it" | "Annehmen";
    RECEIVE_HINT = "It is in quarantine until somebody has looked at its certificate and released it." | "Sie bleibt in Quarantäne, bis jemand ihr Zertifikat angesehen und sie freigegeben hat.";
    RECEIVED = "Lot {id} is received." | "Charge {id} ist angenommen.";
    MATERIAL_HINT = "As jobs name it: PLA, clear resin" | "Wie Aufträge es nennen: PLA, klares Harz";
    SUPPLIER = "Supplier" | "Lieferant";
    RECEIVED_ON = "Received on" | "Erhalten am";
    LAST_DAY = "Last day of use" | "Letzter Tag der Verwendung";
    OPEN_DAYS = "Days of use once open" | "Tage verwendbar, sobald offen";
    OPEN_DAYS_N = "{n} days" | "{n} Tage";
    CERTIFICATE = "Certificate" | "Zertifikat";
    GRAMS = "Grams of material" | "Gramm Material";
    DENSITY = "Density, g/cm³" | "Dichte, g/cm³";
    DENSITY_HINT = "Where its maker says it; else what is usual counts" | "Wenn der Hersteller sie nennt; sonst gilt die übliche";
    GRAMS_CM3 = "{n} g/cm³" | "{n} g/cm³";

    NO_LOT = "No lot is here yet." | "Hier ist noch keine Charge.";
    NO_LOT_RECEIVE = "Receive the first one above: then it can be labelled, released and loaded by scanning." | "Oben die erste annehmen: dann kann sie ein Etikett bekommen, freigegeben und durch Scannen geladen werden.";
    NO_LOT_ASK = "Whoever keeps the material (the role materials) receives lots here." | "Wer das Material verwaltet (die Rolle materials), nimmt hier Chargen an.";
    NONE_SO = "No lot is like that." | "Auf keine Charge trifft das zu.";

    FACTS = "What it is" | "Was sie ist";
    OPENED = "Opened" | "Geöffnet";
    GOOD_UNTIL = "{day}, good until {until}" | "{day}, gut bis {until}";
    NOT_OPENED = "Not opened" | "Nicht geöffnet";
    WHY_BLOCKED = "Blocked: {why}" | "Gesperrt: {why}";
    WHY_RECALLED = "Recalled: {why}" | "Zurückgerufen: {why}";
    MAY_BE_USED = "It may be used." | "Sie darf verwendet werden.";

    STEPS = "What can be done" | "Was getan werden kann";
    RELEASE = "Release it" | "Freigeben";
    RELEASE_SURE = "Have you looked at the certificate of lot {lot}, and may it be used?" | "Haben Sie das Zertifikat der Charge {lot} angesehen, und darf sie verwendet werden?";
    RELEASED = "It is released." | "Sie ist freigegeben.";
    OPEN_IT = "It is opened" | "Sie ist geöffnet";
    OPENED_ON = "Opened on" | "Geöffnet am";
    OPENED_DONE = "It is noted as opened: print its label anew." | "Als geöffnet vermerkt: bitte das Etikett neu drucken.";
    BLOCK = "Block it" | "Sperren";
    BLOCKED = "It is blocked." | "Sie ist gesperrt.";
    UNBLOCK = "Unblock it" | "Entsperren";
    UNBLOCKED = "It is in quarantine again: look at it, and release it." | "Sie ist wieder in Quarantäne: bitte ansehen und freigeben.";
    WHY = "Why" | "Warum";
    USED_UP = "It is used up" | "Sie ist aufgebraucht";
    USED_UP_SURE = "Is nothing of lot {lot} left, or is it thrown away? It cannot be used after this." | "Ist von Charge {lot} nichts übrig, oder ist sie entsorgt? Danach kann sie nicht mehr verwendet werden.";
    USED_UP_DONE = "It is noted as used up." | "Als aufgebraucht vermerkt.";
    RECALL = "Recall it" | "Zurückrufen";
    RECALL_HINT = "It is blocked. What was printed while it was loaded is in quarantine at once; what is out stands on a list." | "Sie wird gesperrt. Was gedruckt wurde, während sie geladen war, ist sofort in Quarantäne; was außer Haus ist, steht auf einer Liste.";
    RECALL_SURE = "Recall lot {lot}? Parts printed while it was loaded: {n}. This cannot be taken back." | "Charge {lot} zurückrufen? Teile, die gedruckt wurden, während sie geladen war: {n}. Das kann nicht zurückgenommen werden.";
    RECALLED_DONE = "It is recalled. Now see the list of what was printed from it." | "Sie ist zurückgerufen. Bitte jetzt die Liste dessen ansehen, was daraus gedruckt wurde.";
    NOTHING_TO_DO = "Nothing more can be done with it." | "Mit ihr ist nichts mehr zu tun.";
    MAY_NOT = "Whoever keeps the material (the role materials) opens, releases and blocks lots." | "Wer das Material verwaltet (die Rolle materials), öffnet, gibt frei und sperrt.";

    WHERE = "Where it is and was loaded" | "Wo sie geladen ist und war";
    PRINTER = "Printer" | "Drucker";
    SLOT = "Slot" | "Platz";
    FROM = "From" | "Von";
    UNTIL = "Until" | "Bis";
    BY = "By" | "Durch";
    NOW_LOADED = "loaded now" | "jetzt geladen";
    NEVER_LOADED = "It was never loaded." | "Sie war noch nie geladen.";
    SCAN_IT = "Load it by scanning, at the printer" | "Durch Scannen laden, am Drucker";
    LOAD = "Load it" | "Laden";
    LOADED_DONE = "It is noted as loaded." | "Als geladen vermerkt.";
    UNLOAD = "Take it off" | "Herausnehmen";
    UNLOADED = "It is noted as taken off." | "Als herausgenommen vermerkt.";

    PARTS = "Parts that have it" | "Teile, in denen sie ist";
    PARTS_N = "{n}; used: {grams} g" | "{n}; verbraucht: {grams} g";
    PART = "Part" | "Teil";
    USED = "Used" | "Verbraucht";
    USED_GRAMS = "{grams} g" | "{grams} g";
    NOT_DEDUCTED = "not deducted" | "nicht abgezogen";
    DOUBTS = "Doubts" | "Zweifel";
    NO_PART = "Nothing was printed from it yet." | "Daraus wurde noch nichts gedruckt.";
    MORE_PARTS = "{n} more: the report of the lot has all of them." | "{n} weitere: der Bericht zur Charge hat alle.";
    LOOK_BACK = "What was printed while it was loaded" | "Was gedruckt wurde, während sie geladen war";
    LOOK_BACK_OUT = "Out of the house: recall each part that has to come back. {n} of {all}" | "Außer Haus: jedes Teil zurückrufen, das zurück muss. {n} von {all}";
    LOOK_BACK_HERE = "Nothing of it is out of the house. What is here is in quarantine: look at each part." | "Nichts davon ist außer Haus. Was hier ist, ist in Quarantäne: bitte jedes Teil ansehen.";
    LOOK_BACK_NONE = "Nothing was printed while it was loaded: nothing is to be looked at." | "Es wurde nichts gedruckt, während sie geladen war: es ist nichts anzusehen.";
    OUT = "out of the house" | "außer Haus";
    SEE_PART = "See the part" | "Teil ansehen";
    NOTE_USE = "Note what a job has used" | "Verbrauch eines Auftrags vermerken";
    NOTE_USE_HINT = "platen deducts what comes from filament by itself. Here is what it could not: resin, or an unknown density." | "Was von Filament kommt, zieht platen selbst ab. Hier steht, was es nicht konnte: Harz oder unbekannte Dichte.";
    JOB_OF = "{serial} (job {job})" | "{serial} (Auftrag {job})";
    NOTE = "Note it" | "Vermerken";
    NOTED = "It is deducted." | "Abgezogen.";

    LABEL_SIZE = "Size" | "Größe";
    LABEL_SMALL = "62 × 29 mm" | "62 × 29 mm";
    LABEL_LARGE = "100 × 50 mm" | "100 × 50 mm";
    LABEL_PDF = "To print (PDF)" | "Zum Drucken (PDF)";
    LABEL_SVG = "To look at (SVG)" | "Zum Ansehen (SVG)";
    LABEL_HINT = "Print it anew when the lot is opened: the day stands on it." | "Neu drucken, wenn die Charge geöffnet wird: der Tag steht darauf.";
    HISTORY = "Its history" | "Ihre Geschichte";
    HISTORY_REPORT = "Report of the lot, from here to each case" | "Bericht zur Charge, von hier bis zu jedem Fall";
    HISTORY_AUDIT = "Every step, with who and when" | "Jeder Schritt, mit wem und wann";
}
