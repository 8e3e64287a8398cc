//! Texts: policy, timelines, mapping, markers, ids.

use followup_core::RecordRef;
use followup_fuzz::{Seeds, fire};
use followup_hubspot::Mapping;
use followup_rules::{cases, format_marker, parse_marker, policy::Policy};

use crate::is_bounded;

#[test]
fn a_policy() {
    fire(&Seeds::of("policy"), 3_000, |input| {
        let text = String::from_utf8_lossy(input);
        is_bounded(&Policy::from_toml(&text, "policy.toml"), input);
    });
}

#[test]
fn a_file_of_timelines_and_the_judgement_of_what_it_says() {
    let policy = Policy::default();
    fire(&Seeds::of("timelines"), 1_500, |input| {
        let text = String::from_utf8_lossy(input);
        for name in ["cases.json", "cases.toml"] {
            match cases::load(&text, name) {
                Ok(cases) => {
                    for case in cases {
                        is_bounded(&cases::run(&case, &policy), input);
                    }
                }
                Err(problems) => is_bounded(&problems, input),
            }
        }
    });
}

#[test]
fn a_mapping() {
    fire(&Seeds::of("mapping"), 1_500, |input| {
        is_bounded(&Mapping::from_toml(&String::from_utf8_lossy(input)).err(), input);
    });
}

#[test]
fn a_marker_that_is_read_reads_the_same_when_written_again() {
    fire(&Seeds::of("markers"), 20_000, |input| {
        let text = String::from_utf8_lossy(input);
        if let Some(marker) = parse_marker(&text) {
            is_bounded(&marker, input);
            assert_eq!(parse_marker(&format_marker(&marker)), Some(marker));
        }
    });
}

#[test]
fn a_record_id_that_is_read_is_written_as_it_was() {
    fire(&Seeds::of("ids"), 20_000, |input| {
        for line in String::from_utf8_lossy(input).lines() {
            if let Ok(id) = line.parse::<RecordRef>() {
                assert_eq!(id.to_string(), line);
            }
        }
    });
}
