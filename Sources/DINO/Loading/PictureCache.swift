import Images
import Platform

/// The pictures of a folder, decoded, as far as a limit of bytes allows.
///
/// What is in stays in: every epoch asks for every picture once, in another order, so that to make
/// room for one picture is to decode another one anew. A picture that would fill a sixteenth of
/// the room alone is decoded each time.
public final class PictureCache: Sendable {
    /// The folder whose pictures they are.
    public let folder: PictureFolder
    /// The most bytes that decoded pictures take, three a pixel.
    public let byteLimit: Int

    private struct State {
        var pictures: [Int: Image] = [:]
        var errors: [Int: ImageError] = [:]
        var bytes = 0
    }

    private let state = Lock(State())

    /// - Parameter byteLimit: none are kept at 0. By default 1 GB: 1,800 photos of 500x375.
    public init(_ folder: PictureFolder, byteLimit: Int = 1 << 30) {
        require(byteLimit >= 0, "PictureCache: a limit of \(byteLimit) bytes")
        self.folder = folder
        self.byteLimit = byteLimit
    }

    /// The bytes that are taken now.
    public var byteCount: Int { state.withLock { $0.bytes } }

    /// The pictures that could not be read so far, in the folder's order, with the reason.
    public var unreadable: [(index: Int, reason: ImageError)] {
        state.withLock { state in
            state.errors.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
        }
    }

    /// A picture of the folder.
    ///
    /// One that could not be read is not tried again: what a run sees of a folder must not depend on
    /// how much is kept.
    ///
    /// - Throws: `ImageError`.
    /// - Complexity: O(1) for one that is kept, else what decoding takes, on this thread.
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
