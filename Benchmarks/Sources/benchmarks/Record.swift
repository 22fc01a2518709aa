import Benchmark
import Foundation
import Tensors

/// Adds columns to swift-benchmark's table: for each run the operations per second, their share of the
/// processor's limit at that moment, and the page faults.
final class Record {
    private struct Entry {
        var operations: Double
        var body: () -> Void
        var limits: [Double] = []
        var faults: [Double] = []
    }

    private var entries: [String: Entry] = [:]
    /// The keys of `entries` in the order of their addition.
    private var keys: [String] = []

    static let columns = ["name", "time", "std", "iterations", "GFLOP/s", "of limit", "faults"]

    /// Adds a benchmark to a suite.
    ///
    /// - Parameter operations: its float32 operations, a multiply-add counted as two; 0 if their rate is of
    ///   no interest.
    func add(
        _ name: String, to suite: BenchmarkSuite, operations: Double = 0,
        _ body: @escaping () -> Void
    ) {
        let key = "\(suite.name).\(name)"
        entries[key] = Entry(operations: operations, body: body)
        keys.append(key)
        suite.benchmark(name) { [self] state in
            entries[key]?.limits.append(Parallelism.multiplyAddLimit())
            let before = pageFaults()
            try state.measure(f: body)
            entries[key]?.faults.append(Double(pageFaults() - before))
        }
    }

    /// Registers the columns with swift-benchmark.
    func registerColumns() {
        column("GFLOP/s", "%.0f") { entry, nanoseconds in
            entry.operations > 0 ? entry.operations / median(nanoseconds) : nil
        }
        // Each run is divided by the limit measured just before it: a drifting clock cancels out.
        column("of limit", "%.1f %%") { entry, nanoseconds in
            guard entry.operations > 0 else { return nil }
            let shares = zip(nanoseconds, entry.limits.suffix(nanoseconds.count)).map {
                100 * entry.operations / ($0 * 1e-9) / $1
            }
            return median(shares)
        }
        column("faults", "%.0f") { entry, nanoseconds in
            median(entry.faults.suffix(nanoseconds.count))
        }
    }

    /// Prints each kernel's share of the multiply-add limit next to its floor. A share below the floor is measured
    /// twice more, and the best counts: other processes disturb for seconds, a slower kernel stays slow.
    ///
    /// - Returns: whether none is below its floor.
    func check(_ floors: Floors) -> Bool {
        var holds = true
        for key in keys {
            guard let entry = entries[key], let floor = floors.shares[key] else { continue }
            for _ in 0..<2 { entry.body() }
            var share = share(of: entry)
            for _ in 0..<2 where share < floor { share = max(share, self.share(of: entry)) }
            holds = holds && share >= floor
            let name = key.padding(toLength: 38, withPad: " ", startingAt: 0)
            let mark = share < floor ? "  BELOW" : ""
            print(name + String(format: "%6.1f %%  floor %4.0f %%", share, floor) + mark)
        }
        return holds
    }

    /// Percent of the limit: the median of runs for half a second, each divided by the mean of the limits before and
    /// after.
    private func share(of entry: Entry) -> Double {
        let clock = ContinuousClock()
        let start = clock.now
        var shares: [Double] = []
        var before = Parallelism.multiplyAddLimit()
        while shares.count < 5 || clock.now - start < .milliseconds(500) {
            let duration = clock.measure(entry.body) / .seconds(1)
            let after = Parallelism.multiplyAddLimit()
            shares.append(100 * entry.operations / duration / ((before + after) / 2))
            before = after
        }
        return median(shares)
    }

    /// A column whose cell stays empty if `value` returns nil.
    private func column(
        _ name: String, _ format: String, value: @escaping (Entry, [Double]) -> Double?
    ) {
        BenchmarkColumn.register(
            BenchmarkColumn(
                name: name,
                value: { [self] result in
                    let entry = entries["\(result.suiteName).\(result.benchmarkName)"]
                    return entry.flatMap { value($0, result.measurements) } ?? -1
                },
                formatter: { number, _ in number < 0 ? "" : String(format: format, number) }))
    }
}

private func median(_ values: some Collection<Double>) -> Double {
    values.isEmpty ? 0 : values.sorted()[values.count / 2]
}

/// The minor page faults of this process so far.
private func pageFaults() -> Int {
    var usage = rusage()
    let itself: Int32 = 0  // RUSAGE_SELF, which Glibc and Darwin import as different types
    getrusage(itself, &usage)
    return usage.ru_minflt
}
