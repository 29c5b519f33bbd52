//! The examples in `docs/requests` are requests that are accepted.

use std::path::Path;

use nameplate::Request;

#[test]
fn every_example_is_a_request_that_is_accepted() {
    let pages = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/requests");
    let mut read = 0;
    for page in std::fs::read_dir(pages).expect("a directory") {
        let path = page.expect("an entry").path();
        let text = std::fs::read_to_string(&path).expect("text");
        for example in text.split("```json\n").skip(1) {
            let (example, _) = example.split_once("```").expect("an end");
            let request = Request::read(example);
            assert!(request.is_ok(), "{}: {request:?}", path.display());
            read += 1;
        }
    }
    assert!(read > 0, "no example");
}
