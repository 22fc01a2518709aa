import Benchmark
import Cases

let record = Record()
record.registerColumns()
let model = Lazy(vitSmall8)
// Two runs in advance: the first makes the inputs and fills the pool of storage.
Benchmark.main(
    [
        products(record), attention(record), network(record, model: model), descriptors(record),
        matching(record, model: model), multiCrop(record), clustering(record),
        refinement(record), steps(record),
    ],
    customDefaults: [Columns(Record.columns), TimeUnit(.ms), WarmupIterations(2)])
