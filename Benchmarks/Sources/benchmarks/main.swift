import Benchmark
import Cases
import Foundation
import Tensors

let arguments = Array(remainingArguments().dropFirst())
let record = Record()
record.registerColumns()
let model = Lazy(vitSmall8)
let suites = [
    products(record), attention(record), network(record, model: model), descriptors(record),
    matching(record, model: model), multiCrop(record), clustering(record),
    refinement(record), steps(record),
]
if arguments == ["--check"] {
    let set = InstructionSet.current
    guard let floors = Floors.all[set] else {
        let known = Floors.all.keys.map(\.rawValue).sorted().joined(separator: ", ")
        print("No floors have been measured for \(set.rawValue), only for \(known).")
        exit(1)
    }
    print("Shares of the multiply-add limit, \(set.rawValue); floors from \(floors.source).")
    exit(record.check(floors) ? 0 : 1)
}
// Two warm-up runs: the first creates the inputs and fills the storage pool.
Benchmark.main(
    suites, settings: BenchmarkArguments.parseOrExit(arguments).settings,
    customDefaults: [Columns(Record.columns), TimeUnit(.ms), WarmupIterations(2)])
