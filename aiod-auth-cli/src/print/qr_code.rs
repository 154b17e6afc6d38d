//! A link as a QR code: in half blocks, two of its rows in each line of text; or in letters, where the
//! terminal knows no blocks.

use std::env;

use qrcode::{Color, QrCode, render::unicode::Dense1x2};

/// The lines of the picture; `None` if the text is too long for one. What is light is drawn and what
/// is dark is left out: that is right on a dark terminal.
pub(super) fn in_blocks(text: &str) -> Option<Vec<String>> {
    let code = QrCode::new(text).ok()?;
    let mut picture = code.render::<Dense1x2>();
    picture.dark_color(Dense1x2::Light).light_color(Dense1x2::Dark);
    Some(picture.build().lines().map(Into::into).collect())
}

/// The same, with two letters for each square.
pub(super) fn in_letters(text: &str) -> Option<Vec<String>> {
    let code = QrCode::new(text).ok()?;
    let width = code.width();
    let margin = "##".repeat(MARGIN);
    let light = "##".repeat(width + 2 * MARGIN);
    let square = |color: &Color| color.select("  ", "##");
    let colors = code.to_colors();
    let rows = colors
        .chunks(width)
        .map(|row| format!("{margin}{}{margin}", row.iter().map(square).collect::<String>()));
    let above = std::iter::repeat_n(light, MARGIN);
    Some(above.clone().chain(rows).chain(above).collect())
}

/// Whether the locale says that the terminal shows more than ASCII. Where it says nothing it is POSIX's own, which is
/// ASCII; Windows has no such variables.
pub(super) fn terminal_has_blocks() -> bool {
    let set = |name| env::var(name).ok().filter(|value| !value.is_empty());
    // POSIX, "Internationalization variables": the first of them that is set counts.
    let locale = ["LC_ALL", "LC_CTYPE", "LANG"].into_iter().find_map(set);
    locale.map_or(cfg!(windows), |locale| is_utf_8(&locale))
}

fn is_utf_8(locale: &str) -> bool {
    let locale = locale.to_ascii_lowercase();
    locale.contains("utf-8") || locale.contains("utf8")
}

/// ISO/IEC 18004 §9.1: four squares.
const MARGIN: usize = 4;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_light_margin_surrounds_the_picture() {
        for (lines, light) in
            [(in_blocks("https://as.example"), '█'), (in_letters("https://as.example"), '#')]
        {
            let lines = lines.unwrap();
            let width = lines[0].chars().count();
            assert!(lines.iter().all(|line| line.chars().count() == width));
            assert!(lines[0].chars().all(|square| square == light));
            assert!(lines[10].contains(' '), "{lines:?}");
        }
        assert!(in_blocks(&"x".repeat(3000)).is_none());
        assert!(in_letters(&"x".repeat(3000)).is_none());
    }

    #[test]
    fn a_locale_says_what_the_terminal_shows() {
        for (locale, expected) in [
            ("C", false),
            ("POSIX", false),
            ("de_DE@euro", false),
            ("C.UTF-8", true),
            ("en_US.utf8", true),
        ] {
            assert_eq!(is_utf_8(locale), expected, "{locale}");
        }
    }
}
