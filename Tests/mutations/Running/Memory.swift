import Platform
import Tensors

/// The memory of this process as counted by Linux; on other systems nothing is measured.
struct Memory {
    /// The maximum memory that an input may map in addition, whether it is written or not, so that requests for terabytes
    /// fail at once.
    private static let maxMapped = 6 << 30

    private let clearing: Int32
    private let status: Int32

    /// - Parameter isMeasured: false under a sanitizer, which needs much memory of its own.
    init(isMeasured: Bool) {
        clearing = isMeasured ? open("/proc/self/clear_refs", O_WRONLY | O_CLOEXEC) : -1
        status = isMeasured ? open("/proc/self/status", O_RDONLY | O_CLOEXEC) : -1
        #if os(Linux)
            // No core dumps: a crashed process leaves only its counts.
            Self.limit(RLIMIT_CORE, to: 0)
            guard isMeasured else { return }
            Self.limit(RLIMIT_AS, to: field("VmSize:") + Self.maxMapped)
        #endif
    }

    #if os(Linux)
        private static func limit(_ resource: __rlimit_resource, to bytes: Int) {
            var limit = rlimit(rlim_cur: rlim_t(bytes), rlim_max: rlim_t(bytes))
            setrlimit(__rlimit_resource_t(resource.rawValue), &limit)
        }
    #endif

    /// Releases memory kept from earlier inputs and resets the peak.
    ///
    /// - Returns: the number of bytes in memory.
    func begin() -> Int {
        StoragePool.shared.drain()
        guard clearing >= 0 else { return 0 }
        // Writing 5 resets the peak to the current memory (proc_pid_clear_refs(5)).
        _ = pwrite(clearing, "5", 1, 0)
        return field("VmHWM:")
    }

    /// The increase in bytes from the memory at `begin` to the peak since then.
    func peak(since start: Int) -> Int {
        status >= 0 ? max(0, field("VmHWM:") - start) : 0
    }

    /// A field of /proc/self/status, in bytes.
    private func field(_ name: String) -> Int {
        var text = [UInt8](repeating: 0, count: 4096)
        let got = text.withUnsafeMutableBytes { pread(status, $0.baseAddress, $0.count, 0) }
        let name = Array(name.utf8)
        guard got > name.count,
            let start = (0..<got - name.count).first(where: {
                text[$0..<$0 + name.count].elementsEqual(name)
            })
        else { return 0 }
        let digits = text[(start + name.count)...].drop { $0 == 9 || $0 == 32 }.prefix {
            48...57 ~= $0
        }
        return digits.reduce(0) { 10 * $0 + Int($1) - 48 } * 1024
    }
}

/// The processor time of all threads of this process, in seconds.
func processorTime() -> Double {
    var time = timespec()
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time)
    return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
}
