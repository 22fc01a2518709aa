import Foundation
import Platform
import Synchronization

/// Records in the tally where a process crashes.
enum Crashes {
    // Read by the signal handler, which may neither lock nor allocate.
    private static let record = Atomic<UInt>(0)
    private static let base = Atomic<UInt>(0)
    private static let backtrace = Atomic<UInt>(0)

    #if os(Linux)
        static func watch(_ tally: Tally) {
            record.store(UInt(bitPattern: tally.crashRecord), ordering: .relaxed)
            // The first call of backtrace loads a library, which the handler must not do.
            let function = dlsym(nil, "backtrace")
            backtrace.store(UInt(bitPattern: function), ordering: .relaxed)
            var frame: UnsafeMutableRawPointer?
            _ = Self.frames(&frame, 1)
            // The program's own code is mapped first.
            let maps = (try? String(contentsOfFile: "/proc/self/maps", encoding: .utf8)) ?? ""
            base.store(UInt(maps.prefix { $0 != "-" }, radix: 16) ?? 0, ordering: .relaxed)
            // After a stack overflow the handler needs another stack.
            var stack = stack_t()
            stack.ss_size = 1 << 16
            stack.ss_sp = UnsafeMutableRawPointer.allocate(byteCount: 1 << 16, alignment: 16)
            sigaltstack(&stack, nil)
            for number in [SIGILL, SIGTRAP, SIGSEGV, SIGBUS, SIGFPE, SIGABRT, SIGALRM] {
                var action = sigaction()
                action.__sigaction_handler.sa_handler = handle
                action.sa_flags =
                    Int32(truncatingIfNeeded: SA_ONSTACK)
                    | Int32(truncatingIfNeeded: SA_RESETHAND)
                sigaction(number, &action, nil)
            }
        }

        private static let handle: @convention(c) (Int32) -> Void = { number in
            if let tally = UnsafeMutablePointer<Int>(bitPattern: record.load(ordering: .relaxed)) {
                tally[0] = Int(number)
                let start = Int(base.load(ordering: .relaxed))
                withUnsafeTemporaryAllocation(
                    of: UnsafeMutableRawPointer?.self, capacity: Tally.maxFrames
                ) { frames in
                    guard let first = frames.baseAddress else { return }
                    let count = Int(Self.frames(first, Int32(frames.count)))
                    for index in 0..<count {
                        tally[2 + index] = Int(bitPattern: first[index]) &- start
                    }
                    tally[1] = count
                }
            }
            // The signal is blocked until the handler returns; then it has its default effect.
            raise(number)
        }

        /// `backtrace` of execinfo.h, which Swift does not import.
        private static func frames(
            _ frames: UnsafeMutablePointer<UnsafeMutableRawPointer?>, _ count: Int32
        ) -> Int32 {
            typealias Function =
                @convention(c) (UnsafeMutablePointer<UnsafeMutableRawPointer?>, Int32) -> Int32
            let address = UnsafeRawPointer(bitPattern: backtrace.load(ordering: .relaxed))
            return address.map { unsafeBitCast($0, to: Function.self)(frames, count) } ?? 0
        }
    #else
        static func watch(_ tally: Tally) {}
    #endif
}
