import Tensors

/// Runs independent tasks in parallel; the results are in order.
package func inParallel<Value>(_ count: Int, _ task: (Int) -> Value) -> [Value] {
    [Value](unsafeUninitializedCapacity: count) { buffer, initialized in
        if let base = buffer.baseAddress {
            // Each task writes only its own element.
            nonisolated(unsafe) let base = base
            Parallelism.perform(count: count) { index in
                (base + index).initialize(to: task(index))
            }
        }
        initialized = count
    }
}
