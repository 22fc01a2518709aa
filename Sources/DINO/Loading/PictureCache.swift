import Images
import Platform

/// The decoded pictures of a folder, cached up to a limit in bytes.
///
/// Nothing is evicted: every epoch uses every picture once, in a different order, so evicting one picture to cache
/// another gains nothing. A picture that would fill more than a sixteenth of the limit is decoded each time.
public final class PictureCache: PictureSource {
    /// The folder of the pictures.
    public let folder: PictureFolder
    /// The maximum size of the cached pictures in bytes, three per pixel.
    public let byteLimit: Int

    private struct State {
        var pictures: [Int: Image] = [:]
        var errors: [Int: ImageError] = [:]
        var bytes = 0
    }

    private let state = Lock(State())

    /// Creates an empty cache.
    ///
    /// - Parameters:
    ///   - folder: the folder of the pictures.
    ///   - byteLimit: the maximum size in bytes; 0 disables caching. The default, 1 GiB, holds 1,900 photos of
    ///     500x375.
    public init(_ folder: PictureFolder, byteLimit: Int = 1 << 30) {
        require(byteLimit >= 0, "PictureCache: a limit of \(byteLimit) bytes")
        self.folder = folder
        self.byteLimit = byteLimit
    }

    /// The number of pictures in the folder.
    public var count: Int { folder.count }

    /// The folder's path.
    public var name: String { folder.path }

    /// The size of the cached pictures in bytes.
    public var byteCount: Int { state.withLock { $0.bytes } }

    /// The pictures that could not be read so far, in the folder's order, with their errors.
    public var unreadable: [(index: Int, reason: ImageError)] {
        state.withLock { state in
            state.errors.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
        }
    }

    /// Returns a picture of the folder.
    ///
    /// A picture that could not be read is not retried, so that a run's results do not depend on the cache size.
    ///
    /// - Throws: `ImageError`.
    /// - Complexity: O(1) if cached, otherwise the time to decode it, on the calling thread.
    public func picture(at index: Int) throws(ImageError) -> Image {
        let known = state.withLock { ($0.pictures[index], $0.errors[index]) }
        if let picture = known.0 { return picture }
        if let error = known.1 { throw error }
        let picture: Image
        do {
            picture = try Image(contentsOf: folder.path(of: index))
        } catch {
            state.withLock { $0.errors[index] = error }
            throw error
        }
        let bytes = picture.pixels.count
        state.withLock { state in
            guard bytes <= byteLimit / 16, bytes <= byteLimit - state.bytes,
                state.pictures[index] == nil
            else { return }
            state.pictures[index] = picture
            state.bytes += bytes
        }
        return picture
    }
}
