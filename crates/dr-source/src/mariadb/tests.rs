//! What an address and a list of rights say, which clients know the first line of a dump, and how rows are counted
//! whatever is in them.

use std::io::Write as _;
use std::sync::{Arc, Mutex};

use proptest::prelude::*;

use super::address::Address;
use super::ask::{Wrong, read};
use super::counter::{Counted, RowCounter};
use super::grants::lacking;
use super::sandbox::{Without, knows};
use super::version::{ServerVersion, Vendor, version};

fn at(major: u32, minor: u32, patch: u32) -> ServerVersion {
    ServerVersion { major, minor, patch }
}

#[test]
fn an_address_becomes_a_file_of_options_that_nobody_can_break_out_of() {
    let options = |url: &str, password: Option<&str>| Address::parse(url).unwrap().options(password);
    assert_eq!(options("mariadb:shop", None), "[client]\ndefault-character-set=utf8mb4\n[mysql]\nconnect-timeout=20\n");
    let all = options("mysql://d%22b@db:3307/shop?ssl-ca=/etc/ca.pem", Some("it's \"a\\b\"\n[mysqld] #;"));
    assert!(all.contains("host=\"db\"\nport=\"3307\"\nuser=\"d\\\"b\"\nssl-ca=\"/etc/ca.pem\"\n"), "{all}");
    assert!(all.contains("password=\"it's \\\"a\\\\b\\\"\\n[mysqld] #;\"\n"), "{all}");
    assert!(Address::parse("mariadb://u:secret@db/shop").is_err());
}

#[test]
fn versions_are_read_out_of_what_servers_and_programs_say() {
    for (said, expected) in [
        ("10.11.19-MariaDB-0+deb12u1", Vendor::MariaDb(at(10, 11, 19))),
        (
            "mariadb-dump  Ver 10.19 Distrib 10.11.19-MariaDB, for debian-linux-gnu (x86_64)",
            Vendor::MariaDb(at(10, 11, 19)),
        ),
        ("mariadb-dump from 11.4.2-MariaDB, client 10.19 for Linux (x86_64)", Vendor::MariaDb(at(11, 4, 2))),
        ("mysqldump  Ver 8.0.36 for Linux on x86_64 (MySQL Community Server - GPL)", Vendor::Other(at(8, 0, 36))),
        ("8.0.36-0ubuntu0.22.04.1", Vendor::Other(at(8, 0, 36))),
    ] {
        assert_eq!(version(said), Some(expected), "{said}");
    }
    assert_eq!(version("nothing"), None);
    assert!(
        at(10, 11, 2).knows(at(10, 11, 19)) && !at(10, 6, 19).knows(at(10, 11, 1)) && at(11, 4, 0).knows(at(10, 11, 1))
    );
    for (version, expected) in [
        (at(10, 11, 7), false),
        (at(10, 11, 8), true),
        (at(10, 4, 99), false),
        (at(10, 12, 9), false),
        (at(11, 4, 1), false),
        (at(11, 4, 2), true),
        (at(11, 5, 0), true),
        (at(12, 0, 0), true),
    ] {
        assert_eq!(knows(version), expected, "{version:?}");
    }
}

#[test]
fn what_an_account_lacks_is_named_with_the_lines_that_give_it() {
    let lacks = |grants: &[&str]| lacking(grants, "'drb'@'localhost'", "my_db");
    let usage = "GRANT USAGE ON *.* TO `drb`@`localhost` IDENTIFIED BY PASSWORD '*D8'";
    let all = "GRANT SELECT, SHOW VIEW, EVENT, TRIGGER ON `my\\_db`.* TO `drb`@`localhost`";
    let routines = "GRANT SELECT ON `mysql`.`proc` TO `drb`@`localhost`";
    assert_eq!(lacks(&[usage, all, routines]), None);
    assert_eq!(lacks(&[usage, "GRANT ALL PRIVILEGES ON `my_%`.* TO `drb`@`localhost` WITH GRANT OPTION"]), None);
    assert_eq!(lacks(&["GRANT ALL PRIVILEGES ON *.* TO `root`@`localhost` WITH GRANT OPTION"]), None);
    assert_eq!(lacks(&["GRANT SELECT, SHOW VIEW, EXECUTE, EVENT, TRIGGER ON *.* TO `r`@`%`"]), None);
    let said = lacks(&[usage]).unwrap();
    assert!(said.contains("GRANT SELECT, SHOW VIEW, TRIGGER, EVENT ON `my\\_db`.* TO 'drb'@'localhost';"), "{said}");
    assert!(said.contains("GRANT SELECT ON mysql.proc TO 'drb'@'localhost';"), "{said}");
    assert!(!said.contains("D8"));
    // Other databases, one table of it, columns of it, a routine of it, a role: no right on all of it.
    for other in [
        "GRANT SELECT, SHOW VIEW, EVENT, TRIGGER ON `my\\_db2`.* TO `drb`@`localhost`",
        "GRANT SELECT, SHOW VIEW, EVENT, TRIGGER ON `myXd`.* TO `drb`@`localhost`",
        "GRANT SELECT, SHOW VIEW, TRIGGER ON `my_db`.`pupil` TO `drb`@`localhost`",
        "GRANT SELECT (`a`, `b`), EVENT ON `my_db`.`pupil` TO `drb`@`localhost`",
        "GRANT EXECUTE ON PROCEDURE `my_db`.`p` TO `drb`@`localhost`",
        "GRANT `ALL PRIVILEGES` TO `drb`@`localhost`",
        "GRANT PROXY ON ``@`%` TO `root`@`localhost`",
        "GRANT",
        "GRANT SELECT ON `my_db",
    ] {
        assert_eq!(
            lacks(&[other, routines]).unwrap().matches("GRANT SELECT, SHOW VIEW, TRIGGER, EVENT").count(),
            1,
            "{other}"
        );
    }
    let one = lacks(&["GRANT SELECT, SHOW VIEW, TRIGGER ON `my\\_db`.* TO `drb`@`localhost`", routines]).unwrap();
    assert!(one.contains("lacks EVENT on all of the database") && !one.contains("mysql.proc"), "{one}");
}

#[test]
fn what_a_server_says_is_read_and_what_is_in_the_way_is_said() {
    let good = "server\t10.11.19-MariaDB\naccount\tdrb@localhost\ndatabase\tutf8mb4\tutf8mb4_general_ci\noutside\t2\nGRANT ALL PRIVILEGES ON *.* TO `drb`@`localhost`\n";
    let said = |answer: &str| read(answer, "shop", at(10, 11, 2));
    assert_eq!(said(good).unwrap().outside, 2);
    let why = |answer: &str| match said(answer).unwrap_err() {
        Wrong::Programs(why) | Wrong::Server(why) => why,
    };
    assert!(why(&good.replace("10.11.19", "11.4.2")).contains("the server of 11.4"));
    assert!(why(&good.replace("10.11.19-MariaDB", "8.0.36")).contains("is MySQL 8.0 and not MariaDB"));
    assert!(why(&good.replace("database\t", "x\t")).contains("no database shop"));
    assert!(why(&good.replace("outside\t2", "outside\tx")).contains("not one that dr knows"));
    assert!(why("").contains("not one that dr knows"));
}

#[test]
fn the_first_line_is_left_out_however_it_comes_and_nothing_else() {
    struct To(Arc<Mutex<Vec<u8>>>);
    impl std::io::Write for To {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    for (dump, expected) in [
        ("/*M!999999\\- enable the sandbox mode */ \n-- MariaDB\nx\n", "-- MariaDB\nx\n"),
        ("-- MariaDB\n/*M!999999\\- */\n", "-- MariaDB\n/*M!999999\\- */\n"),
        ("/*M!100100 SET x */;\n", "/*M!100100 SET x */;\n"),
    ] {
        for size in 1..dump.len() {
            let got = Arc::new(Mutex::new(Vec::new()));
            let mut to = Without::new(Box::new(To(Arc::clone(&got))));
            for piece in dump.as_bytes().chunks(size) {
                to.write_all(piece).unwrap();
            }
            assert_eq!(String::from_utf8_lossy(&got.lock().unwrap()), expected, "{size}");
        }
    }
}

/// A dump as mariadb-dump writes it, with what it may hold that looks like something else.
const DUMP: &str = r#"/*M!999999\- enable the sandbox mode */
-- MariaDB dump 10.19  Distrib 10.11.19-MariaDB; it's ( "not" ' a row
/*!40101 SET @OLD_SQL_MODE=@@SQL_MODE, SQL_MODE='NO_AUTO_VALUE_ON_ZERO' */;
DROP TABLE IF EXISTS `pupil`;
CREATE TABLE `pupil` (
  `id` int(11) NOT NULL COMMENT 'INSERT INTO `x` VALUES (1);',
  PRIMARY KEY (`id`)
) ENGINE=InnoDB;
INSERT INTO `pupil` VALUES
(1,'O\'Neil; (x), \\',2),
(2,'b\"q\n-- Dump completed\n',-4),
(3,'it''s (),()',6);
INSERT INTO `pupil` (`id`, `values`) VALUES (4,NULL),(5,(1)),(6,0x00FF);
CREATE TABLE `odd ``name, "x"` (
  `a` blob
);
INSERT INTO `odd ``name, "x"` VALUES(0x27,'--'),
('/* ','*/');
CREATE TABLE `nothing` (`x` int);
DELIMITER ;;
/*!50003 CREATE*/ /*!50017 DEFINER=`root`@`localhost`*/ /*!50003 TRIGGER t BEFORE INSERT ON `pupil` FOR EACH ROW BEGIN
  -- don't count; this
  INSERT INTO `pupil` VALUES (1),(2); # nor "this
  SET @a = 5--1, @b = 'x;;'; /* it's */
END */;;
DELIMITER ;
/*!50003 SET sql_mode              = 'ANSI_QUOTES,NO_BACKSLASH_ESCAPES' */ ;
DELIMITER ;;
CREATE DEFINER="root"@"localhost" PROCEDURE "p2"()
begin select 'a\', "na\" from "pupil"; INSERT INTO `pupil` VALUES (1); end
;;
DELIMITER ;
/*!50003 SET sql_mode              = @saved_sql_mode */ ;
INSERT INTO `pupil` VALUES (7,'a\'),(8,\'b');
/*!50001 CREATE ALGORITHM=UNDEFINED */
/*!50013 DEFINER=`root`@`localhost` SQL SECURITY DEFINER */
/*!50001 VIEW `v` AS select 'VALUES (1)' AS `name` */;

-- Dump completed
"#;

fn counted(pieces: impl Iterator<Item = impl AsRef<[u8]>>) -> Counted {
    let mut counter = RowCounter::default();
    pieces.for_each(|piece| counter.take(piece.as_ref()));
    counter.end()
}

#[test]
fn rows_are_counted_however_the_dump_is_cut_into_pieces() {
    let whole = counted(std::iter::once(DUMP));
    let tables: Vec<(&str, u64)> = whole.tables.iter().map(|(table, rows)| (table.as_str(), *rows)).collect();
    assert_eq!(tables, [("nothing", 0), ("odd `name, \"x\"", 2), ("pupil", 7)]);
    assert_eq!((whole.definers, whole.complete), (3, true));
    for at in 0..DUMP.len() {
        let (front, back) = DUMP.as_bytes().split_at(at);
        assert_eq!(counted([front, back].iter()), whole, "{at}");
        // Whatever is missing at its end, it is no whole dump.
        assert!(!counted(std::iter::once(front)).complete, "{at}");
    }
    for size in 1..9 {
        assert_eq!(counted(DUMP.as_bytes().chunks(size)), whole, "{size}");
    }
    let on = DUMP.replace("-- Dump completed", "-- Dump completed on 2026-11-20 19:00:00");
    assert!(counted(std::iter::once(&on)).complete);
    for more in [
        "-- Dump completed\n-- and more\n",
        "-- Dump completed\nSELECT 1;\n",
        "-- Dump completed, nearly\n",
        "# Dump completed\n",
    ] {
        assert!(!counted(std::iter::once(&DUMP.replace("-- Dump completed\n", more))).complete, "{more}");
    }
}

/// A value of a row, as the program writes it.
fn written(value: &[u8]) -> Vec<u8> {
    let mut out = vec![b'\''];
    for byte in value {
        match byte {
            0 => out.extend(b"\\0"),
            b'\n' => out.extend(b"\\n"),
            b'\r' => out.extend(b"\\r"),
            0x1a => out.extend(b"\\Z"),
            b'\'' | b'"' | b'\\' => out.extend([b'\\', *byte]),
            byte => out.push(*byte),
        }
    }
    out.push(b'\'');
    out
}

/// Bytes of which most mean something in a dump.
fn odd_bytes() -> impl Strategy<Value = Vec<u8>> {
    let odd = prop::sample::select(b"'\"`\\;(),-/*#\n! \0".to_vec());
    prop::collection::vec(prop_oneof![3 => odd, 1 => any::<u8>()], 0..12)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn whatever_rows_hold_as_many_are_counted_as_were_written(
        tables in prop::collection::btree_map("[a-z`'\";( ]{1,6}", prop::collection::vec(odd_bytes(), 0..6), 1..4),
        size in 1_usize..40,
    ) {
        let mut dump = b"-- MariaDB dump\n".to_vec();
        for (table, rows) in &tables {
            let name = super::sql::identifier(table);
            dump.extend(format!("CREATE TABLE {name} (\n  `x` blob\n);\n").bytes());
            if rows.is_empty() {
                continue;
            }
            dump.extend(format!("INSERT INTO {name} VALUES\n").bytes());
            for (nth, row) in rows.iter().enumerate() {
                dump.extend(if nth == 0 { &b"("[..] } else { b",\n(" });
                dump.extend(written(row));
                dump.extend(b",NULL)");
            }
            dump.extend(b";\n");
        }
        dump.extend(b"\n-- Dump completed\n");
        let found = counted(dump.chunks(size));
        let expected = tables.iter().map(|(table, rows)| (table.clone(), rows.len() as u64)).collect();
        prop_assert_eq!(&found.tables, &expected);
        prop_assert!(found.complete);
    }

    #[test]
    fn no_bytes_end_the_counting_and_pieces_make_no_difference(
        bytes in prop::collection::vec(odd_bytes(), 0..20),
        size in 1_usize..9,
    ) {
        let bytes = bytes.concat();
        prop_assert_eq!(counted(bytes.chunks(size)), counted(std::iter::once(&bytes)));
    }
}
