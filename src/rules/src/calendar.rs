//! Business time: weekly hours per owner, zones, holidays, absences.
