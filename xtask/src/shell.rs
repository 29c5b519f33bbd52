//! Words as a shell reads them. It must not know what they are for.

/// One word of a shell command.
pub(crate) fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=@%+,".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_survive_a_shell() {
        assert_eq!(quoted("arn:aws:states:us-east-1:0:x"), "arn:aws:states:us-east-1:0:x");
        assert_eq!(quoted(""), "''");
        assert_eq!(quoted("{\"it's\": $1}"), r#"'{"it'\''s": $1}'"#);
    }
}
