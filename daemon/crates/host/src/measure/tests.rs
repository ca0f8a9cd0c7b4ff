//! Shapes, sums and samples with recorded values; CPU time of a real thread.

use super::{
    ffi::{RusageV6, ThreadCounts, ThreadInfo, fast_share_of_counts, fast_share_of_usage, ticks_to_time},
    process::{band_warning, parse_gpu_cores},
    sampler::Reading,
    *,
};
use crate::topology::{Platform, Tier};

fn hybrid() -> Topology {
    let tier = |name: &str, cpus: &[u32]| Tier { name: name.to_owned(), cores: 2, cpus: cpus.to_vec() };
    Topology {
        platform: Platform::Linux,
        tiers: vec![tier("fast", &[0, 1]), tier("slow", &[2, 3])],
        chip: String::new(),
        os: String::new(),
        memory_bytes: 0,
        gpu_cores: None,
        notes: Vec::new(),
    }
}

#[test]
fn shapes_have_the_sizes_the_kernel_writes() {
    assert_eq!(size_of::<RusageV6>(), 464);
    assert_eq!(std::mem::offset_of!(RusageV6, user_fast_time), 304);
    assert_eq!(std::mem::offset_of!(RusageV6, system_fast_time), 312);
    assert_eq!(std::mem::offset_of!(RusageV6, footprint), 72);
    assert_eq!(size_of::<ThreadCounts>(), 40);
    assert_eq!(size_of::<ThreadInfo>(), 112);
    assert_eq!(std::mem::offset_of!(ThreadInfo, base_priority), 40);
}

#[test]
fn counters_per_level_become_a_share() {
    let level = |user, system| ThreadCounts::of_words(&[1, 1, user, system, 1]);
    assert_eq!(fast_share_of_counts(&[level(60, 15), level(20, 5)]), Measured::Value(0.75));
    assert_eq!(fast_share_of_counts(&[level(0, 0), level(20, 5)]), Measured::Value(0.0));
    assert_eq!(fast_share_of_counts(&[level(1, 0), level(1, 0), level(2, 0)]), Measured::Value(0.5));
    assert_eq!(fast_share_of_counts(&[level(0, 0), level(0, 0)]).to_string(), "unmeasured (it has not run yet)");
    assert_eq!(fast_share_of_counts(&[]).value(), None);
    let usage = RusageV6 {
        uuid: [0; 16],
        user_time: 80,
        system_time: 20,
        idle_wakeups: 0,
        interrupt_wakeups: 0,
        pageins: 0,
        wired: 0,
        resident: 0,
        footprint: 0,
        unused: [0; 28],
        user_fast_time: 30,
        system_fast_time: 10,
        rest: [0; 18],
    };
    assert_eq!(fast_share_of_usage(&usage), Measured::Value(0.4));
    assert_eq!(ticks_to_time(24_000_000, 125, 3), Duration::from_secs(1));
    assert_eq!(ticks_to_time(u64::MAX, 1, 1), Duration::from_nanos(u64::MAX));
}

#[test]
fn new_time_goes_to_the_tier_of_the_last_cpu() {
    let (topology, mut sampler) = (hybrid(), CpuSampler::default());
    let reading = |ms, last_cpu| Reading { tid: 7, cpu: Duration::from_millis(ms), last_cpu };
    assert_eq!(sampler.sampled_share(7), Measured::not("the thread was not sampled"));
    sampler.add(reading(0, 0), &topology);
    assert_eq!(sampler.sampled_share(7), Measured::not(NOTHING_YET));
    sampler.add(reading(30, 1), &topology);
    sampler.add(reading(40, 3), &topology);
    assert_eq!(sampler.sampled_share(7), Measured::Value(0.75));
    sampler.add(reading(400, 99), &topology); // a cpu outside of all tiers counts for none
    assert_eq!(sampler.sampled_share(7), Measured::Value(0.75));
    // With one very fast core the fast tiers are two.
    let mut three = hybrid();
    three.tiers.insert(0, Tier { name: "fastest".to_owned(), cores: 1, cpus: vec![4] });
    let mut sampler = CpuSampler::default();
    for (ms, last_cpu) in [(10, 4), (30, 1), (40, 3)] {
        sampler.add(reading(ms, last_cpu), &three);
    }
    assert_eq!(sampler.sampled_share(7), Measured::Value(0.75));
    assert_eq!(confined_share(&[4, 0, 1], &three), Some(1.0));
}

#[test]
fn affinity_to_one_tier_is_an_exact_answer() {
    let topology = hybrid();
    for (cpus, share) in [(vec![0, 1], Some(1.0)), (vec![3], Some(0.0)), (vec![1, 2], None)] {
        assert_eq!(confined_share(&cpus, &topology), share, "{cpus:?}");
    }
    let mut uniform = topology;
    uniform.tiers.truncate(1);
    assert_eq!(fast_share(1, &uniform).to_string(), "unmeasured (one tier of cores)");
}

#[test]
fn a_slow_band_is_told_with_its_remedy() {
    assert_eq!(band_warning(31), None);
    assert_eq!(band_warning(37), None);
    for (priority, cause) in [(20, "Standard"), (4, "Background")] {
        let text = band_warning(priority).unwrap();
        assert!(text.contains(cause) && text.contains("Interactive"), "{text}");
    }
}

#[test]
fn ioreg_tells_cores_of_the_graphics_processor() {
    let recorded = "+-o AGXAcceleratorG16X  <class AGXAcceleratorG16X>\n  |   \"model\" = \"Apple M4 Max\"\n  |   \
                    \"gpu-core-count\" = 40\n";
    assert_eq!(parse_gpu_cores(recorded), Some(40));
    assert_eq!(parse_gpu_cores(""), None);
}

#[cfg(target_os = "linux")]
#[test]
fn stat_lines_with_odd_names_are_read() {
    let line = "4242 (a) b (c) S 1 4240 4240 0 -1 4194304 100 0 0 0 12 34 0 0 25 5 3 0 987654 0 0 18446744073709551615 0 \
                0 0 0 0 0 0 0 0 0 0 0 17 6 0 0 0 0 0";
    let stat = ProcStat::parse(line).unwrap();
    assert_eq!((stat.state, stat.parent, stat.group), ('S', 1, 4240));
    assert_eq!((stat.user_ticks, stat.system_ticks, stat.start, stat.last_cpu), (12, 34, 987_654, 6));
    assert_eq!(ProcStat::parse("garbage"), None);
}

#[test]
fn a_busy_thread_uses_cpu_time_and_a_missing_one_has_none() {
    let tid = sys::thread_id();
    let before = (thread_cpu(tid).unwrap(), process_cpu().unwrap());
    let mut sum = 0_u64;
    while thread_cpu(tid).unwrap() == before.0 {
        sum = (0..100_000).fold(sum, |sum, n| std::hint::black_box(sum.wrapping_add(n)));
    }
    assert!(process_cpu().unwrap() >= before.1);
    assert!(process_memory().value().unwrap() > 0);
    assert_eq!(thread_cpu(u64::from(u32::MAX)), None);
}
