//! A table as CSV by RFC 4180, in which no cell is taken for a formula by a program that shows it.

use super::sheet::Table;

/// What a spreadsheet takes for the beginning of a formula, its full-width forms included.
const BEGINS_FORMULA: [char; 8] = ['=', '+', '-', '@', '＝', '＋', '－', '＠'];

/// Lines end with CR LF, and the first is the head.
pub fn write(table: &Table) -> String {
    let mut text = String::new();
    line(&table.head, &mut text);
    table.rows.iter().for_each(|row| line(row, &mut text));
    text
}

fn line(cells: &[String], text: &mut String) {
    for (place, cell) in cells.iter().enumerate() {
        if place > 0 {
            text.push(',');
        }
        field(cell, text);
    }
    text.push_str("\r\n");
}

/// `-12.5`: digits with a sign and at most one point calculate nothing.
fn is_number(cell: &str) -> bool {
    let digits = cell.strip_prefix('-').unwrap_or(cell);
    let (whole, rest) = digits.split_once('.').unwrap_or((digits, "0"));
    let plain = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    plain(whole) && plain(rest)
}

fn field(cell: &str, text: &mut String) {
    // Some programs pass over what is blank before they look.
    let first = cell.trim_start().chars().next();
    let formula = first.is_some_and(|first| BEGINS_FORMULA.contains(&first)) && !is_number(cell);
    let blank = cell.starts_with(['\t', '\r', '\n']);
    let guard = if formula || blank { "'" } else { "" };
    if cell.contains([',', '"', '\r', '\n']) || cell.starts_with(' ') || cell.ends_with(' ') {
        text.push('"');
        text.push_str(guard);
        text.push_str(&cell.replace('"', "\"\""));
        text.push('"');
    } else {
        text.push_str(guard);
        text.push_str(cell);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn written(cell: &str) -> String {
        let mut text = String::new();
        field(cell, &mut text);
        text
    }

    #[test]
    fn a_cell_that_a_spreadsheet_would_run_is_written_as_text() {
        for (cell, expected) in [
            ("=HYPERLINK(\"http://x\",\"y\")", "\"'=HYPERLINK(\"\"http://x\"\",\"\"y\"\")\""),
            ("+1+cmd|' /C calc'!A0", "'+1+cmd|' /C calc'!A0"),
            ("-2+3", "'-2+3"),
            ("@SUM(A1)", "'@SUM(A1)"),
            (" =1", "\"' =1\""),
            ("\t=1", "'\t=1"),
            ("＝1", "'＝1"),
            ("-", "'-"),
            ("-1.", "'-1."),
            ("-5", "-5"),
            ("-5.25", "-5.25"),
            ("a=b", "a=b"),
            ("", ""),
        ] {
            assert_eq!(written(cell), expected, "{cell:?}");
        }
    }

    #[test]
    fn commas_quotes_and_line_breaks_are_kept_within_their_cell() {
        let mut table = Table::new(&["a", "b"]);
        table.row(["1,5".into(), "say \"x\"\r\ny".into()]);
        assert_eq!(write(&table), "a,b\r\n\"1,5\",\"say \"\"x\"\"\r\ny\"\r\n");
    }

    /// Reads CSV by the grammar of RFC 4180, written apart.
    fn read(text: &str) -> Vec<Vec<String>> {
        let mut rows = vec![vec![String::new()]];
        let mut chars = text.chars().peekable();
        let mut quoted = false;
        while let Some(c) = chars.next() {
            let row = rows.last_mut().unwrap();
            match (quoted, c) {
                (true, '"') if chars.peek() == Some(&'"') => {
                    row.last_mut().unwrap().push(chars.next().unwrap())
                }
                (true, '"') => quoted = false,
                (false, '"') => quoted = true,
                (false, ',') => row.push(String::new()),
                (false, '\r') if chars.peek() == Some(&'\n') => {
                    chars.next();
                    rows.push(vec![String::new()]);
                }
                _ => row.last_mut().unwrap().push(c),
            }
        }
        rows.pop();
        rows
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back_but_for_the_guard(
            cells in prop::collection::vec("[-=+@,\"\r\n a-c0-9.ä\t]{0,8}", 3),
        ) {
            let table = Table { head: vec!["x".into(), "y".into(), "z".into()], rows: vec![cells.clone()] };
            let back = read(&write(&table));
            prop_assert_eq!(back.len(), 2);
            for (cell, got) in cells.iter().zip(&back[1]) {
                prop_assert!(got == cell || *got == format!("'{cell}"), "{cell:?} {got:?}");
                let first = got.trim_start().chars().next();
                prop_assert!(is_number(got) || !first.is_some_and(|c| BEGINS_FORMULA.contains(&c)), "{got:?}");
            }
        }
    }
}
