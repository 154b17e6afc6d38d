//! A link as a QR code in half blocks, two of its rows in each line of text.

use qrcode::{QrCode, render::unicode::Dense1x2};

/// The lines of the picture; `None` if the text is too long for one. What is light is drawn and what
/// is dark is left out: that is right on a dark terminal.
pub(super) fn lines(text: &str) -> Option<Vec<String>> {
    let code = QrCode::new(text).ok()?;
    let mut picture = code.render::<Dense1x2>();
    picture.dark_color(Dense1x2::Light).light_color(Dense1x2::Dark);
    Some(picture.build().lines().map(Into::into).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_light_margin_surrounds_the_picture() {
        let lines = lines("https://as.example/device").unwrap();
        let width = lines[0].chars().count();
        assert!(lines.iter().all(|line| line.chars().count() == width));
        assert!(lines[0].chars().all(|block| block == '█'));
        assert!(super::lines(&"x".repeat(3000)).is_none());
    }
}
