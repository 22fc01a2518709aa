import Platform

/// Counts that outlive the process: they stand in a file that is mapped into memory.
struct Tally {
    /// What is counted of a kind.
    enum Count: Int, CaseIterable {
        case inputs, refused, accepted, crashes, overMemory, tooSlow, badSentences
        /// Bytes.
        case mostMemory
        /// Of the limit, in thousandths.
        case mostOfLimit
        /// Microseconds of processor time.
        case slowest, time
    }

    /// What stands before the counts: what was being done, and how it ended.
    private enum Head: Int, CaseIterable {
        case isBusy, kind, number, signal, frameCount
    }

    static let mostFrames = 24
    private static let headCount = Head.allCases.count + mostFrames

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
        get { values[place(kind, count)] }
        nonmutating set { values[place(kind, count)] = newValue }
    }

    private func place(_ kind: Int, _ count: Count) -> Int {
        Self.headCount + kind * Count.allCases.count + count.rawValue
    }

    func raise(_ kind: Int, _ count: Count, to value: Int) {
        self[kind, count] = max(self[kind, count], value)
    }

    /// Notes what is about to be done.
    func begin(_ kind: Int, _ number: Int) {
        self[.kind] = kind
        self[.number] = number
        self[.signal] = 0
        self[.frameCount] = 0
        self[.isBusy] = 1
    }

    func end() { self[.isBusy] = 0 }

    /// What a process that died was doing, and where it died.
    var crash: (kind: Int, number: Int, signal: Int, frames: [Int])? {
        guard self[.isBusy] != 0 else { return nil }
        let start = Head.allCases.count
        let count = min(self[.frameCount], Self.mostFrames)
        return (
            self[.kind], self[.number], self[.signal], Array(values[start..<start + count])
        )
    }

    /// Where a handler of signals writes: the signal, the number of frames, and the frames.
    var crashPlace: UnsafeMutablePointer<Int>? {
        values.baseAddress.map { $0 + Head.signal.rawValue }
    }

    private subscript(head: Head) -> Int {
        get { values[head.rawValue] }
        nonmutating set { values[head.rawValue] = newValue }
    }
}
