//! Many options at once: the same code compiled for the vectors that the processor has.
//!
//! This is the crate's only unsafe code: a function compiled for an extension is called only after the processor said
//! that it has it. Results differ between processors in the last bits, because some multiply and add in one step.
#![allow(unsafe_code)]

use crate::black76::{Contract, Values, evaluate};

/// Options worked on together.
const LANES: usize = 16;

/// Columns of inputs; all of one length.
#[derive(Clone, Copy, Debug)]
pub struct Contracts<'a> {
    /// USD.
    pub forward: &'a [f64],
    /// USD.
    pub strike: &'a [f64],
    /// Until expiry.
    pub years: &'a [f64],
    /// A year's.
    pub vol: &'a [f64],
    /// Continuous, a year's.
    pub rate: &'a [f64],
    /// 1 of a call, 0 of a put.
    pub is_call: &'a [u8],
}

/// Columns of results, each as long as those of the inputs.
#[derive(Debug)]
#[allow(missing_docs)] // As [`Values`].
pub struct Columns<'a> {
    pub price: &'a mut [f64],
    pub delta: &'a mut [f64],
    pub gamma: &'a mut [f64],
    pub vega: &'a mut [f64],
    pub theta: &'a mut [f64],
    pub rho: &'a mut [f64],
    pub vanna: &'a mut [f64],
    pub volga: &'a mut [f64],
}

impl Contracts<'_> {
    /// Number of options.
    #[must_use]
    pub fn len(&self) -> usize {
        self.forward.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.forward.is_empty()
    }
}

/// Price and Greeks of one option.
#[must_use]
pub fn value(contract: Contract) -> Values {
    evaluate::<false>(contract)
}

/// Price and Greeks of every option.
///
/// # Panics
/// If the columns are not all of one length.
pub fn values(contracts: &Contracts<'_>, columns: &mut Columns<'_>) {
    let count = contracts.len();
    let inputs = [
        contracts.strike.len(),
        contracts.years.len(),
        contracts.vol.len(),
        contracts.rate.len(),
        contracts.is_call.len(),
    ];
    let outputs = [
        columns.price.len(),
        columns.delta.len(),
        columns.gamma.len(),
        columns.vega.len(),
        columns.theta.len(),
        columns.rho.len(),
        columns.vanna.len(),
        columns.volga.len(),
    ];
    let same = inputs.iter().chain(&outputs).all(|length| *length == count);
    assert!(
        same,
        "columns of {count} forwards, {inputs:?} and {outputs:?}: give one length"
    );
    dispatch(contracts, columns);
}

#[cfg(target_arch = "x86_64")]
fn dispatch(contracts: &Contracts<'_>, columns: &mut Columns<'_>) {
    if std::arch::is_x86_feature_detected!("avx512f")
        && std::arch::is_x86_feature_detected!("avx512dq")
    {
        // SAFETY: the processor has just said that it has the extensions the function was compiled for.
        unsafe { with_avx512(contracts, columns) };
    } else if std::arch::is_x86_feature_detected!("avx2")
        && std::arch::is_x86_feature_detected!("fma")
    {
        // SAFETY: as above.
        unsafe { with_avx2(contracts, columns) };
    } else {
        run::<false>(contracts, columns);
    }
}

#[cfg(not(target_arch = "x86_64"))]
fn dispatch(contracts: &Contracts<'_>, columns: &mut Columns<'_>) {
    run::<false>(contracts, columns);
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512dq,avx512vl")]
fn with_avx512(contracts: &Contracts<'_>, columns: &mut Columns<'_>) {
    run::<true>(contracts, columns);
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
fn with_avx2(contracts: &Contracts<'_>, columns: &mut Columns<'_>) {
    run::<true>(contracts, columns);
}

/// Groups of [`LANES`], through local arrays: the compiler then knows that nothing overlaps.
#[inline(always)]
fn run<const FMA: bool>(contracts: &Contracts<'_>, columns: &mut Columns<'_>) {
    let count = contracts.len();
    let mut start = 0;
    while start < count {
        let some = (count - start).min(LANES);
        let mut inputs = [[1.0_f64; LANES]; 5];
        let mut is_call = [0_u64; LANES];
        let sources = [
            contracts.forward,
            contracts.strike,
            contracts.years,
            contracts.vol,
            contracts.rate,
        ];
        for (lanes, source) in inputs.iter_mut().zip(sources) {
            lanes[..some].copy_from_slice(&source[start..start + some]);
        }
        for (lane, flag) in is_call
            .iter_mut()
            .zip(&contracts.is_call[start..start + some])
        {
            *lane = u64::from(*flag);
        }
        let mut outputs = [[0.0_f64; LANES]; 8];
        group::<FMA>(&inputs, &is_call, &mut outputs);
        let targets = [
            &mut *columns.price,
            &mut *columns.delta,
            &mut *columns.gamma,
            &mut *columns.vega,
            &mut *columns.theta,
            &mut *columns.rho,
            &mut *columns.vanna,
            &mut *columns.volga,
        ];
        for (lanes, target) in outputs.iter().zip(targets) {
            target[start..start + some].copy_from_slice(&lanes[..some]);
        }
        start += some;
    }
}

#[inline(always)]
fn group<const FMA: bool>(
    inputs: &[[f64; LANES]; 5],
    is_call: &[u64; LANES],
    outputs: &mut [[f64; LANES]; 8],
) {
    for lane in 0..LANES {
        let found = evaluate::<FMA>(Contract {
            forward: inputs[0][lane],
            strike: inputs[1][lane],
            years: inputs[2][lane],
            vol: inputs[3][lane],
            rate: inputs[4][lane],
            is_call: is_call[lane] != 0,
        });
        outputs[0][lane] = found.price;
        outputs[1][lane] = found.delta;
        outputs[2][lane] = found.gamma;
        outputs[3][lane] = found.vega;
        outputs[4][lane] = found.theta;
        outputs[5][lane] = found.rho;
        outputs[6][lane] = found.vanna;
        outputs[7][lane] = found.volga;
    }
}
