//! What a saved spreadsheet is: a minimal `.xlsx` of one sheet.

use crate::Result;
use crate::package::{Package, escaped, office_relations, properties, relation, relations_part};
use crate::random::Random;
use crate::words::Words;

/// What stands in a cell.
pub(crate) enum Cell {
    Words(String),
    Number(i64),
    /// Pounds and pence, from pence.
    Money(i64),
}

const HEAD: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\" standalone=\"yes\"?>\n";
const TYPES: &str = "<Types xmlns=\"http://schemas.openxmlformats.org/package/2006/content-types\">\
    <Default Extension=\"rels\" ContentType=\"application/vnd.openxmlformats-package.relationships+xml\"/>\
    <Default Extension=\"xml\" ContentType=\"application/xml\"/>\
    <Override PartName=\"/xl/workbook.xml\" ContentType=\"application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml\"/>\
    <Override PartName=\"/xl/worksheets/sheet1.xml\" ContentType=\"application/vnd.openxmlformats-officedocument.spreadsheetml.worksheet+xml\"/>\
    <Override PartName=\"/docProps/core.xml\" ContentType=\"application/vnd.openxmlformats-package.core-properties+xml\"/></Types>";
const BOOK: &str = "<workbook xmlns=\"http://schemas.openxmlformats.org/spreadsheetml/2006/main\" \
    xmlns:r=\"http://schemas.openxmlformats.org/officeDocument/2006/relationships\"><sheets>\
    <sheet name=\"Sheet1\" sheetId=\"1\" r:id=\"rId1\"/></sheets></workbook>";

/// The part that holds the rows, and what follows the last of them.
pub(crate) const PART: &str = "xl/worksheets/sheet1.xml";
pub(crate) const END: &str = "</sheetData>";

pub(crate) fn xlsx(title: &str, author: &str, rows: &[Vec<Cell>], saved: i64) -> Result<Vec<u8>> {
    let mut sheet =
        format!("{HEAD}<worksheet xmlns=\"http://schemas.openxmlformats.org/spreadsheetml/2006/main\"><sheetData>");
    for cells in rows {
        row(&mut sheet, cells);
    }
    sheet.push_str(END);
    sheet.push_str("</worksheet>");
    let kind = "http://schemas.openxmlformats.org/officeDocument/2006/relationships/worksheet";
    let mut package = Package::new();
    package.add("[Content_Types].xml", format!("{HEAD}{TYPES}").as_bytes())?;
    package.add("_rels/.rels", office_relations("xl/workbook.xml").as_bytes())?;
    package.add("xl/workbook.xml", format!("{HEAD}{BOOK}").as_bytes())?;
    package
        .add("xl/_rels/workbook.xml.rels", relations_part(&relation(1, kind, "worksheets/sheet1.xml")).as_bytes())?;
    package.add(PART, sheet.as_bytes())?;
    package.add("docProps/core.xml", properties(title, author, saved).as_bytes())?;
    package.finish()
}

/// Rows and cells carry no addresses: they then follow one another, which the format allows.
fn row(sheet: &mut String, cells: &[Cell]) {
    sheet.push_str("<row>");
    for cell in cells {
        sheet.push_str(&match cell {
            Cell::Words(words) => {
                format!("<c t=\"inlineStr\"><is><t>{}</t></is></c>", escaped(words))
            }
            Cell::Number(number) => format!("<c><v>{number}</v></c>"),
            Cell::Money(pence) => format!("<c><v>{}.{:02}</v></c>", pence / 100, pence % 100),
        });
    }
    sheet.push_str("</row>");
}

/// A row to write below all others.
pub(crate) fn appended_row(words: &Words, random: &mut Random) -> String {
    let mut text = String::new();
    row(&mut text, &[Cell::Words(words.topic(random)), Cell::Money(random.below(90_000) as i64)]);
    text
}
