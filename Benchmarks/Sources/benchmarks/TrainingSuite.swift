import Benchmark
import Cases

/// Training steps.
func steps(_ record: Record) -> BenchmarkSuite {
    let suite = BenchmarkSuite(name: "step")
    for each in TrainingCase.all {
        record.add("\(each.name) \(each.work)", to: suite, each.step())
    }
    return suite
}
