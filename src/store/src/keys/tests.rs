use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;

fn hex(bytes: &[u8]) -> String {
    bytes
        .iter()
        .fold(String::new(), |text, byte| format!("{text}{byte:02x}"))
}

#[test]
fn kinds_have_numbers_of_their_own() {
    let codes: BTreeSet<u8> = RecordKind::ALL.iter().map(|kind| kind_code(*kind)).collect();
    assert_eq!(codes.len(), RecordKind::ALL.len());
    let streams: BTreeSet<u8> = Stream::ALL.iter().map(|stream| stream_code(*stream)).collect();
    assert_eq!(streams.len(), Stream::ALL.len());
}

#[test]
fn the_layout_of_keys_is_what_it_was() {
    let contact = Rid::new(1, RecordKind::Contact, 0x2A).unwrap();
    let call = Rid::new(1, RecordKind::Call, 0x2B).unwrap();
    let at = Timestamp::from_second(1_772_438_400).unwrap();
    let timeline = key(table::TIMELINE, &[&contact.bytes(), &time_key(at), &call.bytes()]);
    assert_eq!(
        hex(&timeline),
        "20000103000000002a80064c05f937e000000107000000002b"
    );
    assert_eq!(hex(&intern(1, RecordKind::Deal, "77")), "030001053737");
    assert_eq!(hex(&cursor(1, Stream::Calls, Lane::Settled)), "4000010703");
    assert_eq!(hex(&records_of(1, RecordKind::Owner)), "10000101");
}

#[test]
fn an_interned_id_carries_connection_and_kind() {
    let rid = Rid::new(513, RecordKind::Task, SEQ_MAX).unwrap();
    assert_eq!(rid.connection(), 513);
    assert_eq!(rid.kind(), Some(RecordKind::Task));
    assert_eq!(Rid::from_bytes(&rid.bytes()).unwrap(), rid);
    assert!(Rid::new(0, RecordKind::Task, SEQ_MAX + 1).is_err());
}

#[test]
fn a_wake_up_is_never_kept_earlier_than_asked_for() {
    let at: Timestamp = "2026-03-02T08:00:00.000000001Z".parse().unwrap();
    assert!(time_of(&time_key_up(at)).unwrap() > at);
    let whole: Timestamp = "2026-03-02T08:00:00.000001Z".parse().unwrap();
    assert_eq!(time_of(&time_key_up(whole)).unwrap(), whole);
}

proptest! {
    #![proptest_config(crate::testing::cases(256))]
    #[test]
    fn instants_sort_as_their_keys(a in -10_000_000_000_i64..10_000_000_000, b in -10_000_000_000_i64..10_000_000_000) {
        let (first, second) = (Timestamp::from_millisecond(a).unwrap(), Timestamp::from_millisecond(b).unwrap());
        prop_assert_eq!(first.cmp(&second), time_key(first).cmp(&time_key(second)));
        prop_assert_eq!(time_of(&time_key(first)).unwrap(), first);
    }
}
