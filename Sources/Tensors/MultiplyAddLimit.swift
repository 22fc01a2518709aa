extension Parallelism {
    /// What no matrix product can exceed, measured now: the float32 operations a second of fused
    /// multiply-adds in registers on all threads, each counted as two.
    ///
    /// Clocks drift with heat and with what else runs: measure it beside what is compared with it.
    ///
    /// - Complexity: some milliseconds on each thread.
    public static func multiplyAddLimit() -> Double {
        // Many short tasks: a thread that starts late or is interrupted leaves its share to others.
        let tasks = 16 * threadCount
        let sinks = Tensor(uninitialized: [tasks])
        let operations = Tensor(uninitialized: [tasks])
        let duration = withExtendedLifetime((sinks, operations)) {
            ContinuousClock().measure {
                perform(count: tasks) { task in
                    operations.mutableBase[task] = Float(
                        Kernels.best.multiply_add_limit(1 << 20, sinks.mutableBase + task))
                }
            }
        }
        return operations.elements.reduce(0) { $0 + Double($1) } / (duration / .seconds(1))
    }
}
