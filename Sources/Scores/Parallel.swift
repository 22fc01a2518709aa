import Tensors

/// The results of tasks that share nothing, in order.
package func inParallel<Value>(_ count: Int, _ task: (Int) -> Value) -> [Value] {
    [Value](unsafeUninitializedCapacity: count) { buffer, initialized in
        if let base = buffer.baseAddress {
            // Each task writes its own element.
            nonisolated(unsafe) let base = base
            Parallelism.perform(count: count) { index in
                (base + index).initialize(to: task(index))
            }
        }
        initialized = count
    }
}
