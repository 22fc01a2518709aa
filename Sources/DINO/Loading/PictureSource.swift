import Images

/// Numbered pictures to train on: those of a folder (``PictureCache``), an array of images, or your own.
public protocol PictureSource: Sendable {
    /// The number of pictures.
    var count: Int { get }

    /// The source's name in error messages, such as a folder's path.
    var name: String { get }

    /// Returns a picture; called on a background thread, for each picture once in an epoch.
    ///
    /// - Parameter index: from 0 up to ``count``; the same index must give the same picture, or training cannot be
    ///   repeated.
    /// - Throws: an error whose `description` is a sentence; the picture is then replaced by another one.
    func picture(at index: Int) throws -> Image
}

extension [Image]: PictureSource {
    /// The name of pictures that come from no file.
    public var name: String { "memory" }

    /// Returns an image of the array.
    public func picture(at index: Int) -> Image { self[index] }
}

/// Makes the views of a picture that a training step compares: ``MultiCrop``, or your own augmentation.
public protocol ViewMaker: Sendable {
    /// Allocates a batch for the views of `count` pictures; its contents are undefined until written.
    func emptyBatch(count: Int) -> MultiCropBatch

    /// Makes the views of one picture and writes them into a batch; called on a background thread.
    ///
    /// - Parameters:
    ///   - image: the picture.
    ///   - batch: the destination, as made by ``emptyBatch(count:)``.
    ///   - index: the picture's index in the batch.
    ///   - generator: the source of all random choices; it is seeded for each picture and epoch.
    func writeCrops(
        of image: Image, to batch: inout MultiCropBatch, at index: Int,
        using generator: inout some RandomNumberGenerator)
}
