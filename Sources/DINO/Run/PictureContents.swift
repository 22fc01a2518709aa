import Images
import Platform
import Tensors

/// What tells a folder's pictures from others under the same names: for each a hash of its length and of
/// its first and last 4 KiB, which a copy on another disk shares.
///
/// The end of a PNG holds a checksum of all of it, that of a JPEG what its code came to; the start holds
/// the orientation. Cost: two reads a picture, 15 microseconds where the system has it at hand and 0.1
/// milliseconds on a solid-state disk; whole files would be read as long as an epoch reads.
struct PictureContents {
    /// `[pictures]`: integers below 2^24, which floats hold exactly; 0 for what cannot be read.
    let digests: Tensor

    init(digests: Tensor) {
        self.digests = digests
    }

    /// Complexity: O(pictures), in parallel.
    init(_ folder: PictureFolder) {
        digests = Tensor(shape: [folder.count]) { buffer in
            guard let base = buffer.baseAddress else { return }
            // Each task writes its own element.
            Parallelism.perform(count: folder.count) { index in
                base[index] = Float(PictureContents.digest(ofFile: folder.path(of: index)) ?? 0)
            }
        }
    }

    /// The pictures that are others than there, in order.
    ///
    /// - Precondition: both are of as many pictures.
    func indices(differingFrom other: PictureContents) -> [Int] {
        require(
            digests.shape == other.digests.shape,
            "indices: \(digests.shape) pictures beside \(other.digests.shape)")
        return zip(digests.elements, other.digests.elements).enumerated()
            .filter { $0.element.0 != $0.element.1 }.map(\.offset)
    }

    /// The hash of a file; nil where it cannot be read.
    private static func digest(ofFile path: String) -> UInt32? {
        let end = 4096
        // Without O_NONBLOCK a pipe would be waited for.
        let descriptor = withPath(path) { open($0, O_RDONLY | O_CLOEXEC | O_NONBLOCK) }
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        var status = stat()
        guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
            return nil
        }
        let size = Int(status.st_size)
        var hash = FNV1a()
        withUnsafeBytes(of: UInt64(size).littleEndian) { hash.add($0) }
        let isRead = withUnsafeTemporaryAllocation(byteCount: end, alignment: 1) { buffer in
            for offset in Set([0, max(0, size - end)]).sorted() {
                let count = min(end, size - offset)
                guard pread(descriptor, buffer.baseAddress, count, off_t(offset)) == count else {
                    return false
                }
                hash.add(UnsafeRawBufferPointer(rebasing: buffer[..<count]))
            }
            return true
        }
        // Folded, as its authors advise for fewer bits.
        return isRead ? UInt32(truncatingIfNeeded: hash.value ^ hash.value >> 24) & 0xFF_FFFF : nil
    }
}
