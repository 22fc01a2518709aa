extension Parallelism {
    /// Measures the upper bound on the speed of a matrix product: float32 operations per second of fused multiply-adds
    /// in registers on all threads, each counted as two operations.
    ///
    /// Clock speeds drift with heat and load, so measure it next to whatever is compared with it.
    ///
    /// - Returns: operations per second.
    /// - Complexity: a few milliseconds per thread.
    public static func multiplyAddLimit() -> Double {
        // Many short tasks, so that a thread that starts late or is interrupted leaves its share to others.
        let tasks = 16 * threadCount
        var sinks = Tensor(uninitialized: [tasks])
        var operations = Tensor(uninitialized: [tasks])
        let duration = withUnsafePointers(writing: &sinks, &operations) { sinks, operations in
            ContinuousClock().measure {
                perform(count: tasks) { task in
                    operations[task] = Float(
                        Kernels.best.multiply_add_limit(1 << 20, sinks + task))
                }
            }
        }
        return operations.elements.reduce(0) { $0 + Double($1) } / (duration / .seconds(1))
    }
}
