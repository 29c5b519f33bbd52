//! Lambda functions of the tests' own, in Python. It must not know what they do.

use http::Method;
use serde_json::{Value, json};

use crate::World;

impl World {
    /// Makes a function whose module holds `code` with a `handler`, and whose role has the statements; its ARN.
    ///
    /// # Panics
    /// When it cannot be made.
    pub async fn make_function(&self, name: &str, code: &str, statements: &Value) -> String {
        let trust = json!({"Version": "2012-10-17", "Statement": [
            {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}]});
        let policy = json!({"Version": "2012-10-17", "Statement": statements});
        let (trust, policy) = (trust.to_string(), policy.to_string());
        let role = [("Action", "CreateRole"), ("RoleName", name), ("AssumeRolePolicyDocument", trust.as_str())];
        let own = [("Action", "PutRolePolicy"), ("RoleName", name), ("PolicyName", "own"), ("PolicyDocument", &policy)];
        // IAM takes no policy without a statement.
        let calls: &[&[(&str, &str)]] = if statements == &json!([]) { &[&role] } else { &[&role, &own] };
        for fields in calls {
            let fields: Vec<(&str, &str)> = fields.iter().copied().chain([("Version", "2010-05-08")]).collect();
            self.client().query("iam", &fields).await.unwrap_or_else(|error| panic!("{fields:?}: {error}"));
        }
        let body = json!({
            "FunctionName": name, "Runtime": "python3.12", "Handler": "index.handler",
            "Role": format!("arn:aws:iam::000000000000:role/{name}"),
            "Code": {"ZipFile": base64(&archive("index.py", code.as_bytes()))},
        });
        let made = self.rest("lambda", Method::POST, "/2015-03-31/functions", Some(&body)).await;
        made["FunctionArn"].as_str().expect("an ARN").to_owned()
    }
}

/// A ZIP archive of one file that is stored as it is (APPNOTE 4.3).
fn archive(name: &str, content: &[u8]) -> Vec<u8> {
    let size = u32::try_from(content.len()).expect("a small file").to_le_bytes();
    let length = u16::try_from(name.len()).expect("a short name").to_le_bytes();
    // Version, flags, method, time and date; then checksum and sizes; then the lengths of name and extra field.
    let common =
        [&[20, 0, 0, 0, 0, 0, 0, 0, 0x21, 0][..], &crc32(content).to_le_bytes(), &size, &size, &length, &[0; 2]]
            .concat();
    let local = [&b"PK\x03\x04"[..], &common, name.as_bytes(), content].concat();
    // External attributes last: a plain file that its owner may read and write.
    let attributes = [0, 0, 0, 0, 0, 0, 0, 0, 0xa4, 0x81];
    let directory = [&b"PK\x01\x02\x14\x00"[..], &common, &attributes, &[0; 4], name.as_bytes()].concat();
    let offset = u32::try_from(local.len()).expect("a small file").to_le_bytes();
    let span = u32::try_from(directory.len()).expect("a short name").to_le_bytes();
    let end = [&b"PK\x05\x06"[..], &[0; 4], &[1, 0, 1, 0], &span, &offset, &[0; 2]].concat();
    [local, directory, end].concat()
}

fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| (crc >> 1) ^ (0xedb8_8320 & (crc & 1).wrapping_neg()))
    })
}

fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let digit = |chunk: &[u8], at: usize| {
        let word = chunk.iter().fold(0_usize, |word, byte| word << 8 | usize::from(*byte)) << (8 * (3 - chunk.len()));
        if at > chunk.len() { '=' } else { char::from(DIGITS[word >> (18 - 6 * at) & 63]) }
    };
    bytes.chunks(3).flat_map(|chunk| (0..4).map(move |at| digit(chunk, at))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checksums_and_digits_are_those_of_the_standards() {
        assert_eq!(crc32(b"123456789"), 0xcbf4_3926);
        for (bytes, text) in [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foobar", "Zm9vYmFy")] {
            assert_eq!(base64(bytes.as_bytes()), text);
        }
    }
}
