//! What all office documents are: a package of parts that refer to each other.

use std::io::Cursor;
use std::io::Write as _;

use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, DateTime, ZipWriter};

use crate::Result;
use crate::dates::moment;

pub(crate) const HEAD: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\" standalone=\"yes\"?>\n";

pub(crate) const MODIFIED: &str = "<dcterms:modified xsi:type=\"dcterms:W3CDTF\">";

pub(crate) fn properties(title: &str, author: &str, saved: i64) -> String {
    format!(
        "{HEAD}<cp:coreProperties xmlns:cp=\"http://schemas.openxmlformats.org/package/2006/metadata/core-properties\" \
         xmlns:dc=\"http://purl.org/dc/elements/1.1/\" xmlns:dcterms=\"http://purl.org/dc/terms/\" \
         xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\"><dc:title>{}</dc:title><dc:creator>{}</dc:creator>\
         {MODIFIED}{}</dcterms:modified></cp:coreProperties>",
        escaped(title),
        escaped(author),
        moment(saved)
    )
}

pub(crate) fn relation(id: usize, kind: &str, target: &str) -> String {
    format!("<Relationship Id=\"rId{id}\" Type=\"{kind}\" Target=\"{target}\"/>")
}

pub(crate) fn relations_part(relations: &str) -> String {
    format!(
        "{HEAD}<Relationships xmlns=\"http://schemas.openxmlformats.org/package/2006/relationships\">{relations}\
         </Relationships>"
    )
}

/// The part that says which part is the document.
pub(crate) fn office_relations(main: &str) -> String {
    let document = "http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument";
    let properties = "http://schemas.openxmlformats.org/package/2006/relationships/metadata/core-properties";
    relations_part(&(relation(1, document, main) + &relation(2, properties, "docProps/core.xml")))
}

pub(crate) fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

/// A zip file in memory.
pub(crate) struct Package {
    pub(super) zip: ZipWriter<Cursor<Vec<u8>>>,
}

impl Package {
    pub(crate) fn new() -> Self {
        Package { zip: ZipWriter::new(Cursor::new(Vec::new())) }
    }

    pub(crate) fn add(&mut self, name: &str, content: &[u8]) -> Result<()> {
        self.part(name, content, CompressionMethod::Deflated)
    }

    /// Pictures do not shrink; trying would be most of the time of making a school.
    pub(crate) fn add_stored(&mut self, name: &str, content: &[u8]) -> Result<()> {
        self.part(name, content, CompressionMethod::Stored)
    }

    pub(super) fn part(&mut self, name: &str, content: &[u8], method: CompressionMethod) -> Result<()> {
        // Office programs also write 1980 here: the date of saving is a part of its own.
        let options = SimpleFileOptions::default().compression_method(method).last_modified_time(DateTime::default());
        self.zip.start_file(name, options)?;
        self.zip.write_all(content).map_err(zip::result::ZipError::Io)?;
        Ok(())
    }

    pub(crate) fn finish(self) -> Result<Vec<u8>> {
        Ok(self.zip.finish()?.into_inner())
    }
}
