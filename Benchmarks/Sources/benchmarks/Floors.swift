import Tensors

/// The least share of the multiply-add limit that each kernel must reach, by instruction set. A share below its floor
/// says that a change has made the kernel slower: other processes on the machine slow the kernel and the limit alike.
///
/// A floor is nine tenths of the share measured, rounded down: medians of runs on a quiet machine differ by some
/// percent. Sets that are missing have not been measured.
struct Floors {
    /// The processor that they were measured on, and the day.
    let source: String
    /// Percent of the limit, by suite and name.
    let shares: [String: Double]

    static let all: [InstructionSet: Floors] = [:]
}
