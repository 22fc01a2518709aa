import Platform
import ViT

extension DescriptorGrid {
    /// The position of a grid of patches on the network's image, and on the photo that the image was
    /// resized from.
    public struct Geometry: Hashable, Sendable, Codable {
        /// Width of the network's image in pixels.
        public var imageWidth: Int
        /// Height of the network's image in pixels.
        public var imageHeight: Int
        /// Side of a square patch in pixels of the network's image.
        public var patchSize: Int
        /// The step between patches in pixels of the network's image.
        public var stride: PatchStride
        /// Width of the original photo in pixels.
        public var photoWidth: Int
        /// Height of the original photo in pixels.
        public var photoHeight: Int

        /// The geometry of a photo resized to `imageWidth * imageHeight` pixels.
        ///
        /// - Precondition: the image holds at least one patch; strides and the photo's sides are at
        ///   least 1.
        public init(
            imageWidth: Int, imageHeight: Int, patchSize: Int, stride: PatchStride,
            photoWidth: Int, photoHeight: Int
        ) {
            require(
                patchSize >= 1 && imageWidth >= patchSize && imageHeight >= patchSize
                    && stride.vertical >= 1 && stride.horizontal >= 1 && photoWidth >= 1
                    && photoHeight >= 1,
                "Geometry: no patch of \(patchSize) in \(imageWidth)x\(imageHeight), stride "
                    + "\(stride.vertical)x\(stride.horizontal), photo \(photoWidth)x\(photoHeight)")
            self.imageWidth = imageWidth
            self.imageHeight = imageHeight
            self.patchSize = patchSize
            self.stride = stride
            self.photoWidth = photoWidth
            self.photoHeight = photoHeight
        }

        /// The geometry of a photo that was not resized.
        public init(width: Int, height: Int, patchSize: Int, stride: PatchStride) {
            self.init(
                imageWidth: width, imageHeight: height, patchSize: patchSize, stride: stride,
                photoWidth: width, photoHeight: height)
        }

        /// The patches that fit: `1 + (side - patchSize) / stride`, rounded down, along each side.
        public var grid: PatchGrid {
            PatchGrid(
                width: imageWidth, height: imageHeight, patchSize: patchSize, stride: stride)
        }

        /// The centre of a cell's patch in the original photo.
        ///
        /// Coordinates are distances in pixels from the photo's left and upper edges: pixel `i`
        /// covers `i..<i + 1` and has its centre at `i + 0.5`. In the network's image the centre is
        /// `index * stride + patchSize / 2` (correspondences.py; the halving rounds down, which
        /// changes nothing for the even patch sizes in use). Measured from the edges, a resize is a
        /// plain scaling of each axis, without an offset of half a pixel; for a photo that was not
        /// resized the coordinates equal the reference's.
        public func pixel(of cell: Cell) -> Pixel {
            let x = Double(cell.column * stride.horizontal + patchSize / 2)
            let y = Double(cell.row * stride.vertical + patchSize / 2)
            return Pixel(
                x: x * Double(photoWidth) / Double(imageWidth),
                y: y * Double(photoHeight) / Double(imageHeight))
        }
    }

    /// A point of a photo, in pixels from its left and upper edges.
    public struct Pixel: Hashable, Sendable, Codable {
        /// Distance from the left edge.
        public var x: Double
        /// Distance from the upper edge.
        public var y: Double

        /// The point at these distances from the left and upper edges.
        public init(x: Double, y: Double) {
            self.x = x
            self.y = y
        }
    }

    /// The centre of a cell in the original photo; see `Geometry.pixel(of:)`.
    public func pixel(of cell: Cell) -> Pixel { geometry.pixel(of: cell) }
}
