import Platform

extension DescriptorGrid {
    /// Indices of the cells whose centre lies in an object.
    ///
    /// - Parameter mask: labels of the photo at its own size; the object is where they are not 0.
    /// - Precondition: the mask has the photo's width and height.
    func cells(in mask: LabelMap) -> [Int] {
        require(
            mask.width == geometry.photoWidth && mask.height == geometry.photoHeight,
            "DescriptorGrid: a mask of \(mask.width)x\(mask.height) pixels for a photo of "
                + "\(geometry.photoWidth)x\(geometry.photoHeight)")
        let isInside = mask.cells(on: geometry).map { $0 != 0 }
        return isInside.indices.filter { isInside[$0] }
    }
}
