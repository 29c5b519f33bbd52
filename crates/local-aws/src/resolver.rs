//! Name servers, for whoever asks the DNS over UDP at the port of everything else. Owns that one kind of answer: what the
//! registry says of a name. No cache stands between. Must not change anything.

use std::sync::Arc;

use tokio::net::UdpSocket;

use crate::dns::plain;
use crate::{Local, lock};

/// Values of RFC 1035.
const HEAD: usize = 12;
const TYPE_NS: [u8; 2] = [0, 2];
const NO_ERROR: u8 = 0;
const NO_SUCH_NAME: u8 = 3;
const NOT_IMPLEMENTED: u8 = 4;
const TTL_SECS: u32 = 60;

/// Answers until the task ends.
pub(crate) async fn serve(local: Arc<Local>, socket: UdpSocket) {
    let mut message = [0; 512];
    loop {
        let Ok((length, from)) = socket.recv_from(&mut message).await else {
            tokio::task::yield_now().await;
            continue;
        };
        let servers = |name: &str| {
            let delegation = lock(&local.registry).delegation(name)?;
            (delegation.domain == name).then_some(delegation.name_servers)
        };
        if let Some(answer) = answer(&message[..length], servers) {
            // Whoever asked has gone, or asks again.
            let _gone = socket.send_to(&answer, from).await;
        }
    }
}

/// The answer to a question; nothing for what is none.
fn answer(message: &[u8], servers: impl Fn(&str) -> Option<Vec<String>>) -> Option<Vec<u8>> {
    let (id, name, kind, end) = question(message)?;
    let (outcome, servers) = match servers(&plain(&name)) {
        _ if kind != TYPE_NS => (NOT_IMPLEMENTED, Vec::new()),
        Some(servers) => (NO_ERROR, servers),
        None => (NO_SUCH_NAME, Vec::new()),
    };
    let mut answer = Vec::from(id);
    // An answer to a question that may ask others, by one who does.
    answer.extend([0x81, 0x80 | outcome, 0, 1]);
    answer.extend(u16::try_from(servers.len()).ok()?.to_be_bytes());
    answer.extend([0; 4]);
    answer.extend(&message[HEAD..end]);
    for server in servers {
        let mut data = Vec::new();
        for label in plain(&server).split('.') {
            data.push(u8::try_from(label.len()).ok()?);
            data.extend(label.as_bytes());
        }
        data.push(0);
        // The question's name, NS, IN.
        answer.extend([0xc0, 12, 0, 2, 0, 1]);
        answer.extend(TTL_SECS.to_be_bytes());
        answer.extend(u16::try_from(data.len()).ok()?.to_be_bytes());
        answer.extend(data);
    }
    Some(answer)
}

/// Id, name, type and end of the only question in a message.
fn question(message: &[u8]) -> Option<([u8; 2], String, [u8; 2], usize)> {
    let asks_once = message.get(2)? & 0x80 == 0 && message.get(4..6)? == [0, 1];
    let (mut labels, mut at) = (Vec::new(), HEAD);
    loop {
        let length = usize::from(*message.get(at)?);
        at += 1;
        if length == 0 {
            break;
        }
        labels.push(String::from_utf8_lossy(message.get(at..at + length)?).into_owned());
        at += length;
    }
    let kind = message.get(at..at + 2)?.try_into().ok()?;
    asks_once
        .then_some((message[..2].try_into().ok()?, labels.join("."), kind, at + 4))
        .filter(|_| at + 4 <= message.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(name: &str, kind: u8) -> Vec<u8> {
        let mut message = vec![7, 9, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0];
        for label in name.split('.') {
            message.push(u8::try_from(label.len()).unwrap());
            message.extend(label.as_bytes());
        }
        message.extend([0, 0, kind, 0, 1]);
        message
    }

    fn registry(name: &str) -> Option<Vec<String>> {
        (name == "example.com").then(|| vec!["NS-1.example.net.".to_owned()])
    }

    #[test]
    fn a_name_has_the_servers_that_the_registry_holds() {
        let question = asked("Example.com", 2);
        let answer = answer(&question, registry).unwrap();
        assert_eq!(answer[..12], [7, 9, 0x81, 0x80, 0, 1, 0, 1, 0, 0, 0, 0]);
        assert_eq!(answer[12..question.len()], question[12..]);
        let record = [&[0xc0, 12, 0, 2, 0, 1, 0, 0, 0, 60, 0, 18, 4][..], b"ns-1\x07example\x03net\0"].concat();
        assert_eq!(answer[question.len()..], record);
    }

    #[test]
    fn other_names_other_questions_and_what_is_no_question_get_no_servers() {
        assert_eq!(answer(&asked("www.example.com", 2), registry).unwrap()[3], 0x83);
        assert_eq!(answer(&asked("example.com", 1), registry).unwrap()[3], 0x84);
        let whole = asked("example.com", 2);
        for length in 0..whole.len() {
            assert_eq!(answer(&whole[..length], registry), None);
        }
        let mut answered = whole;
        answered[2] |= 0x80;
        assert_eq!(answer(&answered, registry), None, "an answer is no question");
    }
}
