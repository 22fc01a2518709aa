import Foundation

/// The memory of this machine, used to refuse work that cannot fit before it begins.
package enum MachineMemory {
    /// The most bytes that this process can use: the machine's memory, or the limit of the process or of its control
    /// group if that is lower.
    package static var bytes: Int {
        let physical = Int(clamping: ProcessInfo.processInfo.physicalMemory)
        return min(physical, processLimit ?? physical, groupLimit ?? physical)
    }

    /// `ulimit -v`.
    private static var processLimit: Int? {
        var limit = rlimit()
        #if canImport(Glibc)
            let resource = __rlimit_resource_t(RLIMIT_AS.rawValue)
        #else
            let resource = RLIMIT_AS
        #endif
        return getrlimit(resource, &limit) == 0 ? Int(clamping: limit.rlim_cur) : nil
    }

    /// The limit of the control group, as containers set it.
    private static var groupLimit: Int? {
        guard let text = FileManager.default.contents(atPath: "/sys/fs/cgroup/memory.max") else {
            return nil
        }
        return Int(
            String(decoding: text, as: UTF8.self).trimmingCharacters(in: .whitespacesAndNewlines))
    }
}
