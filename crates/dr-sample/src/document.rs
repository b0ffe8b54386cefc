//! What a saved office document is: `.docx` and `.odt` packages, and how saving them again after an edit changes them.
//!
//! A package is a zip of XML parts and pictures. Editing keeps every part as it was except the text and the date, and
//! packs all of them again, which is why one word more in a real document moves most of its bytes.

use crate::dates::moment;
use crate::random::Random;
use crate::spreadsheet;
use crate::words::Words;
use crate::{Error, Result};
use std::io::{Cursor, Read};
use std::path::Path;

use zip::{CompressionMethod, ZipArchive};

use crate::package::{HEAD, MODIFIED, Package, escaped, office_relations, properties, relation, relations_part};

/// A text before it is packed.
pub(crate) struct Text<'a> {
    pub(crate) title: &'a str,
    pub(crate) author: &'a str,
    pub(crate) paragraphs: Vec<String>,
    /// JPEG files to show between the paragraphs.
    pub(crate) pictures: Vec<&'a [u8]>,
    pub(crate) saved: i64,
}

const WORD_TYPES: &str = "<Types xmlns=\"http://schemas.openxmlformats.org/package/2006/content-types\">\
    <Default Extension=\"rels\" ContentType=\"application/vnd.openxmlformats-package.relationships+xml\"/>\
    <Default Extension=\"xml\" ContentType=\"application/xml\"/><Default Extension=\"jpeg\" ContentType=\"image/jpeg\"/>\
    <Override PartName=\"/word/document.xml\" ContentType=\"application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml\"/>\
    <Override PartName=\"/word/styles.xml\" ContentType=\"application/vnd.openxmlformats-officedocument.wordprocessingml.styles+xml\"/>\
    <Override PartName=\"/docProps/core.xml\" ContentType=\"application/vnd.openxmlformats-package.core-properties+xml\"/></Types>";
const WORD_STYLES: &str = "<w:styles xmlns:w=\"http://schemas.openxmlformats.org/wordprocessingml/2006/main\">\
    <w:style w:type=\"paragraph\" w:default=\"1\" w:styleId=\"Normal\"><w:name w:val=\"Normal\"/></w:style>\
    <w:style w:type=\"paragraph\" w:styleId=\"Heading1\"><w:name w:val=\"heading 1\"/><w:basedOn w:val=\"Normal\"/>\
    <w:rPr><w:b/><w:sz w:val=\"32\"/></w:rPr></w:style></w:styles>";

pub(crate) fn docx(text: &Text) -> Result<Vec<u8>> {
    let mut body = format!(
        "{HEAD}<w:document xmlns:w=\"http://schemas.openxmlformats.org/wordprocessingml/2006/main\" \
         xmlns:r=\"http://schemas.openxmlformats.org/officeDocument/2006/relationships\" \
         xmlns:wp=\"http://schemas.openxmlformats.org/drawingml/2006/wordprocessingDrawing\" \
         xmlns:a=\"http://schemas.openxmlformats.org/drawingml/2006/main\" \
         xmlns:pic=\"http://schemas.openxmlformats.org/drawingml/2006/picture\"><w:body>\
         <w:p><w:pPr><w:pStyle w:val=\"Heading1\"/></w:pPr><w:r><w:t>{}</w:t></w:r></w:p>",
        escaped(text.title)
    );
    let mut relations =
        relation(1, "http://schemas.openxmlformats.org/officeDocument/2006/relationships/styles", "styles.xml");
    for (position, paragraph) in text.paragraphs.iter().enumerate() {
        body.push_str(&word_paragraph(paragraph));
        if position < text.pictures.len() {
            body.push_str(&word_picture(position + 2));
            relations.push_str(&relation(
                position + 2,
                "http://schemas.openxmlformats.org/officeDocument/2006/relationships/image",
                &format!("media/image{}.jpeg", position + 2),
            ));
        }
    }
    body.push_str("<w:sectPr><w:pgSz w:w=\"11906\" w:h=\"16838\"/></w:sectPr></w:body></w:document>");
    let mut package = Package::new();
    package.add("[Content_Types].xml", format!("{HEAD}{WORD_TYPES}").as_bytes())?;
    package.add("_rels/.rels", office_relations("word/document.xml").as_bytes())?;
    package.add("word/document.xml", body.as_bytes())?;
    package.add("word/_rels/document.xml.rels", relations_part(&relations).as_bytes())?;
    package.add("word/styles.xml", format!("{HEAD}{WORD_STYLES}").as_bytes())?;
    package.add("docProps/core.xml", properties(text.title, text.author, text.saved).as_bytes())?;
    for (position, picture) in text.pictures.iter().enumerate().take(text.paragraphs.len()) {
        package.add_stored(&format!("word/media/image{}.jpeg", position + 2), picture)?;
    }
    package.finish()
}

fn word_paragraph(text: &str) -> String {
    format!("<w:p><w:r><w:t xml:space=\"preserve\">{}</w:t></w:r></w:p>", escaped(text))
}

/// A picture of 12 × 9 cm, in the units of 360,000 to the centimetre.
fn word_picture(id: usize) -> String {
    format!(
        "<w:p><w:r><w:drawing><wp:inline><wp:extent cx=\"4320000\" cy=\"3240000\"/><wp:docPr id=\"{id}\" \
         name=\"Picture {id}\"/><a:graphic><a:graphicData \
         uri=\"http://schemas.openxmlformats.org/drawingml/2006/picture\"><pic:pic><pic:nvPicPr><pic:cNvPr id=\"{id}\" \
         name=\"image{id}.jpeg\"/><pic:cNvPicPr/></pic:nvPicPr><pic:blipFill><a:blip r:embed=\"rId{id}\"/><a:stretch>\
         <a:fillRect/></a:stretch></pic:blipFill><pic:spPr><a:xfrm><a:off x=\"0\" y=\"0\"/><a:ext cx=\"4320000\" \
         cy=\"3240000\"/></a:xfrm><a:prstGeom prst=\"rect\"><a:avLst/></a:prstGeom></pic:spPr></pic:pic>\
         </a:graphicData></a:graphic></wp:inline></w:drawing></w:r></w:p>"
    )
}

/// Open Document text; its pictures are left out, as this format is used here for notes.
pub(crate) fn odt(text: &Text) -> Result<Vec<u8>> {
    let mut body = format!(
        "{HEAD}<office:document-content xmlns:office=\"urn:oasis:names:tc:opendocument:xmlns:office:1.0\" \
         xmlns:text=\"urn:oasis:names:tc:opendocument:xmlns:text:1.0\" office:version=\"1.2\"><office:body>\
         <office:text><text:h text:outline-level=\"1\">{}</text:h>",
        escaped(text.title)
    );
    for paragraph in &text.paragraphs {
        body.push_str(&odt_paragraph(paragraph));
    }
    body.push_str("</office:text></office:body></office:document-content>");
    let meta = format!(
        "{HEAD}<office:document-meta xmlns:office=\"urn:oasis:names:tc:opendocument:xmlns:office:1.0\" \
         xmlns:dc=\"http://purl.org/dc/elements/1.1/\" office:version=\"1.2\"><office:meta><dc:title>{}</dc:title>\
         <dc:creator>{}</dc:creator><dc:date>{}</dc:date></office:meta></office:document-meta>",
        escaped(text.title),
        escaped(text.author),
        moment(text.saved).trim_end_matches('Z')
    );
    let manifest = format!(
        "{HEAD}<manifest:manifest xmlns:manifest=\"urn:oasis:names:tc:opendocument:xmlns:manifest:1.0\" \
         manifest:version=\"1.2\"><manifest:file-entry manifest:full-path=\"/\" \
         manifest:media-type=\"application/vnd.oasis.opendocument.text\"/><manifest:file-entry \
         manifest:full-path=\"content.xml\" manifest:media-type=\"text/xml\"/><manifest:file-entry \
         manifest:full-path=\"meta.xml\" manifest:media-type=\"text/xml\"/></manifest:manifest>"
    );
    let mut package = Package::new();
    // The format wants this part first and uncompressed, so that the kind of file can be read at a fixed place.
    package.add_stored("mimetype", b"application/vnd.oasis.opendocument.text")?;
    package.add("content.xml", body.as_bytes())?;
    package.add("meta.xml", meta.as_bytes())?;
    package.add("META-INF/manifest.xml", manifest.as_bytes())?;
    package.finish()
}

fn odt_paragraph(text: &str) -> String {
    format!("<text:p>{}</text:p>", escaped(text))
}

/// Whether [`edited`] knows how to change a file of this name.
pub(crate) fn is_editable(path: &Path) -> bool {
    matches!(crate::put::extension(path), "docx" | "odt" | "xlsx" | "csv" | "txt")
}

/// The file after somebody wrote a little more into it and saved at `saved`.
pub(crate) fn edited(path: &Path, bytes: &[u8], saved: i64, words: &Words, random: &mut Random) -> Result<Vec<u8>> {
    let (part, before, more) = match crate::put::extension(path) {
        "docx" => ("word/document.xml", "<w:sectPr>", word_paragraph(&words.paragraph(random))),
        "odt" => ("content.xml", "</office:text>", odt_paragraph(&words.paragraph(random))),
        "xlsx" => (spreadsheet::PART, spreadsheet::END, spreadsheet::appended_row(words, random)),
        "csv" => {
            let row = format!("{},{},{}\n", random.below(100_000), words.topic(random), random.below(5_000));
            return Ok([bytes, row.as_bytes()].concat());
        }
        _ => return Ok([bytes, words.paragraph(random).as_bytes(), b"\n"].concat()),
    };
    let mut package = Package::new();
    let mut archive = ZipArchive::new(Cursor::new(bytes))?;
    for position in 0..archive.len() {
        let mut entry = archive.by_index(position)?;
        let (name, stored) = (entry.name().to_owned(), entry.compression() == CompressionMethod::Stored);
        let mut content = Vec::new();
        let unfit = |_| Error::Unfit { path: path.to_owned(), lacks: "a part that can be read" };
        entry.read_to_end(&mut content).map_err(unfit)?;
        if name == part {
            content = inserted(&content, before, &more)
                .ok_or_else(|| Error::Unfit { path: path.to_owned(), lacks: "the place to write on" })?;
        } else if name == "docProps/core.xml" {
            content = redated(&content, saved);
        }
        if stored { package.add_stored(&name, &content)? } else { package.add(&name, &content)? }
    }
    package.finish()
}

fn inserted(content: &[u8], before: &str, more: &str) -> Option<Vec<u8>> {
    let place = content.windows(before.len()).rposition(|window| window == before.as_bytes())?;
    Some([&content[..place], more.as_bytes(), &content[place..]].concat())
}

fn redated(content: &[u8], saved: i64) -> Vec<u8> {
    let text = String::from_utf8_lossy(content);
    match (text.find(MODIFIED), text.find("</dcterms:modified>")) {
        (Some(from), Some(to)) if from + MODIFIED.len() <= to => {
            format!("{}{}{}", &text[..from + MODIFIED.len()], moment(saved), &text[to..]).into_bytes()
        }
        _ => content.to_vec(),
    }
}
