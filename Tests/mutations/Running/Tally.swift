import Platform

/// Counts in a memory-mapped file, which outlive a crash of the process.
struct Tally {
    /// The counts of a kind.
    enum Count: Int, CaseIterable {
        case inputs, refused, accepted, crashes, overMemory, tooSlow, badMessages
        /// In bytes.
        case peakMemory
        /// The largest share of the memory limit, in thousandths.
        case shareOfLimit
        /// In microseconds of processor time.
        case slowest, time
    }

    /// The fields before the counts: the current input, and the crash if there was one.
    private enum Head: Int, CaseIterable {
        case isBusy, kind, number, signal, frameCount
    }

    static let maxFrames = 24
    private static let headCount = Head.allCases.count + maxFrames

    private let values: UnsafeMutableBufferPointer<Int>

    init(path: String, kinds: Int) throws(SystemError) {
        let count = Self.headCount + kinds * Count.allCases.count
        let size = count * MemoryLayout<Int>.size
        let descriptor = withPath(path) { open($0, O_RDWR | O_CREAT | O_CLOEXEC, 0o666) }
        guard descriptor >= 0, ftruncate(descriptor, off_t(size)) == 0 else { throw SystemError() }
        defer { close(descriptor) }
        let base = mmap(nil, size, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0)
        guard let base, base != MAP_FAILED else { throw SystemError() }
        values = UnsafeMutableBufferPointer(
            start: base.bindMemory(to: Int.self, capacity: count), count: count)
    }

    subscript(kind: Int, count: Count) -> Int {
        get { values[index(kind, count)] }
        nonmutating set { values[index(kind, count)] = newValue }
    }

    private func index(_ kind: Int, _ count: Count) -> Int {
        Self.headCount + kind * Count.allCases.count + count.rawValue
    }

    func raise(_ kind: Int, _ count: Count, to value: Int) {
        self[kind, count] = max(self[kind, count], value)
    }

    /// Records the input that is about to be tried.
    func begin(_ kind: Int, _ number: Int) {
        self[.kind] = kind
        self[.number] = number
        self[.signal] = 0
        self[.frameCount] = 0
        self[.isBusy] = 1
    }

    func end() { self[.isBusy] = 0 }

    /// The input that a crashed process was trying, and where it crashed.
    var crash: (kind: Int, number: Int, signal: Int, frames: [Int])? {
        guard self[.isBusy] != 0 else { return nil }
        let start = Head.allCases.count
        let count = min(self[.frameCount], Self.maxFrames)
        return (
            self[.kind], self[.number], self[.signal], Array(values[start..<start + count])
        )
    }

    /// The memory for the signal handler: the signal, the number of frames, and the frames.
    var crashRecord: UnsafeMutablePointer<Int>? {
        values.baseAddress.map { $0 + Head.signal.rawValue }
    }

    private subscript(head: Head) -> Int {
        get { values[head.rawValue] }
        nonmutating set { values[head.rawValue] = newValue }
    }
}
