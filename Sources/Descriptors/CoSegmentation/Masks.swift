import Tensors

extension CoSegmentation {
    /// The pixels of a picture, as the network saw it, that are foreground: 1, others 0.
    ///
    /// - Precondition: as `clusters(of:)`.
    public func mask(of picture: SegmentationFeatures) -> LabelMap {
        let image = picture.image
        let mask = foreground(of: picture).enlarged(of: picture)
        return LabelMap(
            width: image.width, height: image.height, labels: mask.map { $0 ? 1 : 0 })
    }
}

extension [Bool] {
    /// A mask of cells at the picture's pixels.
    fileprivate func enlarged(of picture: SegmentationFeatures) -> [Bool] {
        let grid = picture.descriptors.grid
        return gathered(
            rows: centredSources(grid.rows, count: picture.image.height),
            columns: centredSources(grid.columns, count: picture.image.width), width: grid.columns)
    }
}
