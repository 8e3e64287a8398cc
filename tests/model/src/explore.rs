//! An explicit-state explorer: breadth first over every action of every state, each state visited once.
//!
//! It keeps the whole states of the frontier only; of the others a 128-bit fingerprint and the way back, so a violation
//! is reported with the shortest list of actions that leads to it.

use std::{collections::HashSet, fmt::Debug};

/// What [`Model::settled`] says of a state that is at work.
pub const AT_WORK: &str = "it is still at work";

/// What is explored.
pub trait Model {
    /// One state. Two states with equal fingerprints are taken for the same.
    type State: Clone;
    /// One thing that can happen.
    type Action: Clone + Debug;

    /// Where everything begins.
    fn start(&self) -> Self::State;
    /// Everything that can happen in a state.
    fn actions(&self, state: &Self::State) -> Vec<Self::Action>;
    /// What it leads to.
    fn next(&self, state: &Self::State, action: &Self::Action) -> Self::State;
    /// A digest of everything that matters.
    fn fingerprint(&self, state: &Self::State) -> u128;
    /// A sentence if the state must never be.
    fn violation(&self, state: &Self::State) -> Option<String>;
    /// What happens next when nothing goes wrong any more.
    fn calm(&self, state: &Self::State) -> Self::State;
    /// Whether a calm run may end here.
    ///
    /// # Errors
    /// A sentence that says what is missing; [`AT_WORK`] if it is only not done yet.
    fn settled(&self, state: &Self::State) -> Result<(), String>;
}

/// A state that must not be, and how to get there.
#[derive(Debug)]
pub struct Violation {
    /// What is wrong.
    pub what: String,
    /// The actions from the start.
    pub way: Vec<String>,
}

/// What was explored.
#[derive(Debug, Default)]
pub struct Explored {
    /// Different states.
    pub states: usize,
    /// Actions tried.
    pub transitions: usize,
    /// Length of the longest shortest way.
    pub depth: usize,
    /// The first violation, if any.
    pub violation: Option<Violation>,
}

struct Node<A> {
    from: usize,
    action: Option<A>,
}

/// Explores everything; stops at the first violation. `calm_steps` bounds how long a calm run may take to settle.
///
/// # Panics
/// When there are more than `states_max` states: then nothing was proved.
pub fn explore<M: Model>(model: &M, states_max: usize, calm_steps: usize) -> Explored {
    let start = model.start();
    let mut known: HashSet<u128> = HashSet::from([model.fingerprint(&start)]);
    let mut settles: HashSet<u128> = HashSet::new();
    let mut nodes: Vec<Node<M::Action>> = vec![Node {
        from: 0,
        action: None,
    }];
    let mut frontier = vec![(0, start)];
    let mut explored = Explored::default();
    while !frontier.is_empty() {
        let mut later = Vec::new();
        for (number, state) in frontier {
            let wrong = model
                .violation(&state)
                .or_else(|| unsettled(model, &state, calm_steps, &mut settles));
            if let Some(what) = wrong {
                explored.violation = Some(Violation {
                    what,
                    way: way_to(&nodes, number),
                });
                explored.states = nodes.len();
                return explored;
            }
            for action in model.actions(&state) {
                explored.transitions += 1;
                let next = model.next(&state, &action);
                if known.insert(model.fingerprint(&next)) {
                    let from = number;
                    nodes.push(Node {
                        from,
                        action: Some(action),
                    });
                    later.push((nodes.len() - 1, next));
                }
            }
            assert!(nodes.len() <= states_max, "more than {states_max} states");
        }
        explored.depth += usize::from(!later.is_empty());
        frontier = later;
    }
    explored.states = nodes.len();
    explored
}

/// Follows the calm run from a state until it meets one that is known to settle.
fn unsettled<M: Model>(
    model: &M,
    state: &M::State,
    calm_steps: usize,
    settles: &mut HashSet<u128>,
) -> Option<String> {
    let mut passed = Vec::new();
    let mut at = state.clone();
    let mut missing = String::new();
    for _ in 0..calm_steps {
        let print = model.fingerprint(&at);
        if settles.contains(&print) {
            settles.extend(passed);
            return None;
        }
        passed.push(print);
        match model.settled(&at) {
            Ok(()) => {
                settles.extend(passed);
                return None;
            }
            // At rest and yet not as it should be tells more than not being at rest.
            Err(what) if missing.is_empty() || what != AT_WORK => missing = what,
            Err(_) => {}
        }
        at = model.calm(&at);
    }
    Some(format!("when everything calms down it never settles: {missing}"))
}

fn way_to<A: Debug>(nodes: &[Node<A>], mut number: usize) -> Vec<String> {
    let mut way = Vec::new();
    while let Some(Node {
        from,
        action: Some(action),
    }) = nodes.get(number)
    {
        way.push(format!("{action:?}"));
        number = *from;
    }
    way.reverse();
    way
}
