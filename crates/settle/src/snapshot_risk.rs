//! The risk records of a snapshot: sets, and rows with the vector and the set that made them (derivatives.md section 1).

use crate::snapshot::{BadSnapshot, Source, put_count};
use crate::state::State;
use alloc::sync::Arc;
use alloc::vec::Vec;
use merkat_pricing::{Listing, ROWS_MAXIMUM, RiskSet, Row, Rows, SurfaceVector, admit};
use merkat_values::codec::{Reader, Writer};

/// Marks of rows are below: an index is at most 2^52 and a forward at most twice that.
const MARK_LIMIT: i64 = 1 << 54;

/// Everything that a scenario makes of a price is below: at most 21 times it.
const ENTRY_LIMIT: u64 = 1 << 58;

/// The least bytes of a record: group, lengths of the frames, count.
const RECORD_BYTES: usize = 2 + 2 + 2 + 2 + 4;

fn put_framed(bytes: &mut Vec<u8>, part: &[u8]) {
    bytes.put_u16(u16::try_from(part.len()).expect("invariant: a set or vector is below 64 KiB"));
    bytes.put(part);
}

/// Writes the records of all groups with a risk set.
pub(crate) fn put_risks(state: &State, bytes: &mut Vec<u8>) {
    put_count(bytes, state.risks.iter().flatten().count());
    for (group, risk) in (0_u16..).zip(&state.risks) {
        let Some(risk) = risk else { continue };
        bytes.put_u16(group);
        put_framed(bytes, &risk.newest().encode());
        match risk.rows() {
            Some(rows) => {
                put_framed(bytes, &rows.set().encode());
                put_framed(bytes, &rows.vector().bytes());
                rows.write(bytes);
            }
            None => {
                put_framed(bytes, &[]);
                put_framed(bytes, &[]);
                put_count(bytes, 0);
            }
        }
    }
}

fn read_framed<'a>(source: &mut Source<'a>) -> Result<&'a [u8], BadSnapshot> {
    source.read(|reader| {
        let length = usize::from(reader.u16()?);
        reader.take(length)
    })
}

fn read_set(source: &Source<'_>, bytes: &[u8]) -> Result<RiskSet, BadSnapshot> {
    let set = RiskSet::decode(bytes).filter(|set| set.check().is_ok());
    set.ok_or_else(|| source.bad("a risk set as I-30 and I-31"))
}

/// Reads what [`put_risks`] wrote: after it the state has all that it keeps of rows.
pub(crate) fn read_risks(source: &mut Source<'_>, state: &mut State) -> Result<(), BadSnapshot> {
    let count = source.count("risk record", RECORD_BYTES)?;
    let with_set: Vec<u16> = (0..)
        .zip(&state.groups)
        .filter(|(_, group)| group.has_risk_set())
        .map(|(number, _)| number)
        .collect();
    source.expect(
        count == with_set.len(),
        "one for each group with a risk set",
    )?;
    for (index, group) in with_set.into_iter().enumerate() {
        source.number = index;
        let read = source.read(Reader::u16)?;
        source.expect(read == group, "the groups with a risk set, ascending")?;
        read_record(source, state, group)?;
    }
    Ok(())
}

fn read_record(source: &mut Source<'_>, state: &mut State, group: u16) -> Result<(), BadSnapshot> {
    let newest = read_framed(source)?;
    let newest = read_set(source, newest)?;
    let (set, vector) = (read_framed(source)?, read_framed(source)?);
    let leaf = &state.groups[usize::from(group)];
    source.expect(
        newest.hash() == leaf.risk_hash,
        "the set of the group's hash",
    )?;
    let has_rows = leaf.rows_hash != [0; 31];
    source.expect(
        set.is_empty() != has_rows,
        "rows exactly where the group has a hash of them",
    )?;
    let rows = if has_rows {
        Some(read_rows(source, state, group, set, vector)?)
    } else {
        let count = source.read(Reader::u32)?;
        source.expect(
            vector.is_empty() && count == 0,
            "no vector and no rows without a set",
        )?;
        None
    };
    state.set_risk(group, newest);
    if let Some(rows) = rows {
        state.install_rows(group, &Arc::new(rows));
    }
    Ok(())
}

fn read_rows(
    source: &mut Source<'_>,
    state: &State,
    group: u16,
    set: &[u8],
    vector: &[u8],
) -> Result<Rows, BadSnapshot> {
    let set = read_set(source, set)?;
    let reader = &mut Reader::new(vector);
    let vector = SurfaceVector::read(reader)
        .ok()
        .filter(|_| reader.is_done());
    let vector = vector.ok_or_else(|| source.bad("a vector of version 2"))?;
    let leaf = &state.groups[usize::from(group)];
    let standing = vector.group == group
        && (vector.index, vector.basis, vector.premium) == (leaf.index, leaf.basis, leaf.premium)
        && vector.number <= leaf.epoch_number
        && vector.time_ns <= leaf.epoch_time_ns;
    source.expect(standing, "the vector that stands")?;
    let count = Reader::u32(&mut source.reader.clone()).unwrap_or(0) as usize;
    source.expect(count <= ROWS_MAXIMUM, "at most 8,192 rows")?;
    let rows = source.read(|reader| Rows::read(reader, set, vector))?;
    let mut listings = Vec::with_capacity(rows.rows().len());
    for (place, row) in rows.rows().iter().enumerate() {
        source.number = place;
        listings.push(check_row(source, state, group, row, rows.entries(place))?);
    }
    let admitted = admit(rows.vector(), &listings, None).is_ok();
    source.expect(admitted, "surfaces as E-07 to E-13")?;
    let same = rows.rows_hash() == leaf.rows_hash && rows.commitment().root == leaf.row_root;
    source.expect(same, "the rows of the group's hashes")?;
    Ok(rows)
}

/// A row is of a listing of the group, and what margin computes with it stays within its bounds.
fn check_row(
    source: &Source<'_>,
    state: &State,
    group: u16,
    row: &Row,
    entries: &[i64],
) -> Result<Listing, BadSnapshot> {
    let unknown = || source.bad("a row of a listing of the group");
    let instrument = state.instrument(row.listing).ok_or_else(unknown)?;
    let same = instrument.group == group
        && (row.kind, row.strike, row.expiry_ns)
            == (instrument.kind, instrument.strike, instrument.expiry_ns);
    source.expect(same, "the terms of its listing")?;
    let quantum = instrument.quantum();
    let whole = |price: i64| (0..MARK_LIMIT).contains(&price) && price % quantum == 0;
    let marks_hold = [row.low, row.mark, row.high].into_iter().all(whole)
        && row.low <= row.mark
        && row.mark <= row.high
        && (instrument.is_dated() || row.mark >= quantum);
    source.expect(marks_hold, "marks in whole quanta below 2^54")?;
    let moved = [row.up, row.down, row.vega];
    let entries_hold = moved
        .iter()
        .chain(entries)
        .all(|entry| entry.unsigned_abs() < ENTRY_LIMIT)
        && (1..MARK_LIMIT).contains(&row.forward)
        && row.unit_risk >= 0
        && row.delta.unsigned_abs() <= 1_000_000_000
        && (0..=16_000_000_000).contains(&row.years);
    source.expect(entries_hold, "entries that a price of 2^53 can have")?;
    Ok(Listing {
        listing: row.listing,
        kind: row.kind,
        strike: row.strike,
        expiry_ns: row.expiry_ns,
        quantum,
        delivery_price: None,
    })
}
